/** What every ledger does, wherever its rows are. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Chunk, Effect, type Layer, Stream } from "effect"
import { Ledger, type LedgerUnavailable, type NewItem, type Settled } from "../../../src/Batch/Ledger.ts"

const item = (n: number, text = `{"n":${n}}`): NewItem => ({
  id: `item ${n} 'é\u{1F600}"`,
  position: n,
  item: text,
  hash: `hash of ${text}`
})
const items = (count: number, from = 0) => Array.from({ length: count }, (_, n) => item(from + n))

const done = (id: string): Settled => ({ id, to: "done", result: `{"of":${JSON.stringify(id)}}`, took: 2 })
const failed = (id: string, failureClass = "404"): Settled => ({
  id,
  to: "failed",
  failure: { class: failureClass, message: `no \0 "${id}" \u{D800}` },
  took: 3
})

let batches = 0

/** The suite for a ledger that a layer makes; the same one may be used by many tests at once. */
export const ledgerSuite = (name: string, ledger: Layer.Layer<Ledger, LedgerUnavailable>) =>
  describe(`the ledger in ${name}`, () => {
    /** A test with a batch of its own, opened by `me`. */
    const test = (
      title: string,
      body: (service: Ledger["Type"], batch: string) => Effect.Effect<void, unknown>,
      lease = 60_000
    ) =>
      it.live(title, () =>
        Effect.gen(function* () {
          const service = yield* Ledger
          const batch = `${name} ${process.pid} ${++batches}`
          yield* service.open(batch, "me", { lease, exclusive: true })
          yield* body(service, batch)
        }).pipe(Effect.provide(ledger))
      )
    const rows = (service: Ledger["Type"], batch: string, which?: Parameters<Ledger["Type"]["rows"]>[1]) =>
      Effect.map(Stream.runCollect(service.rows(batch, which)), Chunk.toReadonlyArray)

    test("gives items to their owner in the order of the input, each once", (ledger, batch) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* ledger.add(batch, items(5), 5), 5)
        assert.deepStrictEqual(
          (yield* ledger.claim(batch, "me", 3)).map(({ attempts, id, item, position }) => [
            id,
            position,
            item,
            attempts
          ]),
          items(3).map(({ id, item, position }) => [id, position, item, 0])
        )
        assert.deepStrictEqual(
          (yield* ledger.claim(batch, "me", 3)).map(({ position }) => position),
          [3, 4]
        )
        assert.deepStrictEqual(yield* ledger.claim(batch, "me", 3), [])
        assert.deepInclude(yield* ledger.counts(batch), { pending: 0, running: 5, read: 5, sealed: false })
      }))

    test("writes down what has become of them, and reads it back", (ledger, batch) =>
      Effect.gen(function* () {
        yield* ledger.add(batch, items(4), 4)
        const [a, b, c] = yield* ledger.claim(batch, "me", 3)
        yield* ledger.settle(batch, "me", [done(a!.id), failed(b!.id)])
        yield* ledger.settle(batch, "me", [
          { id: c!.id, to: "again", failure: { class: "503", message: "later" }, took: 1, wait: 10 }
        ])
        yield* ledger.seal(batch)

        assert.deepStrictEqual(yield* ledger.counts(batch), {
          pending: 2,
          running: 0,
          done: 1,
          failed: 1,
          absent: 0,
          leftOut: 0,
          input: null,
          attempts: 3,
          took: 6,
          read: 4,
          offset: 0,
          sealed: true
        })
        const all = yield* rows(ledger, batch)
        assert.deepStrictEqual(
          all.map(({ attempts, failure, result, state }) => [state, attempts, result, failure?.class ?? null]),
          [
            ["done", 1, `{"of":${JSON.stringify(a!.id)}}`, null],
            ["failed", 1, null, "404"],
            ["pending", 1, null, "503"],
            ["pending", 0, null, null]
          ]
        )
        assert.match(all[1]!.failure!.message, /^no . "item 1 'é\u{1F600}"" .$/su)
        assert.closeTo(all[0]!.endedAt!, Date.now(), 60_000)
        assert.isNull(all[2]!.endedAt)
        assert.deepStrictEqual((yield* rows(ledger, batch, { states: ["failed", "done"] })).length, 2)
        assert.deepStrictEqual(
          (yield* rows(ledger, batch, { class: "404" })).map(({ position }) => position),
          [1]
        )
      }))

    test("does not give out what is to be tried again before its time", (ledger, batch) =>
      Effect.gen(function* () {
        yield* ledger.add(batch, items(2), 2)
        const [a] = yield* ledger.claim(batch, "me", 1)
        yield* ledger.settle(batch, "me", [
          { id: a!.id, to: "again", failure: { class: "503", message: "later" }, took: 1, wait: 600_000 }
        ])

        assert.closeTo((yield* ledger.nextDue(batch))!, 600_000, 60_000)
        assert.deepStrictEqual(
          (yield* ledger.claim(batch, "me", 9)).map(({ position }) => position),
          [1]
        )
      }))

    test("passes over what it has, and refuses another item of the same id with all that came with it", (ledger, batch) =>
      Effect.gen(function* () {
        yield* ledger.add(batch, items(3), 3)
        assert.strictEqual(yield* ledger.add(batch, items(5), 5), 2)

        // Moved within one reading, it is there twice.
        const conflict = (items: ReadonlyArray<NewItem>) =>
          Effect.map(Effect.flip(ledger.add(batch, items, 9)), (error) => {
            assert(error._tag === "ItemConflict")
            return [error.first, error.second, error.same]
          })
        assert.deepStrictEqual(yield* conflict([item(7), item(1, "changed")]), [2, 2, false])
        assert.deepStrictEqual(yield* conflict([item(7), { ...item(1), position: 8 }]), [2, 9, true])
        assert.deepStrictEqual(yield* conflict([item(7), { ...item(7), position: 8, hash: "other" }]), [8, 9, false])
        assert.deepInclude(yield* ledger.counts(batch), { pending: 5, read: 5 })
      }))

    test("an input that is read anew may have its items at other places; what it does not have any more is left out", (ledger, batch) =>
      Effect.gen(function* () {
        const claims = Effect.map(ledger.claim(batch, "me", 9), (claimed) => claimed.map(({ position }) => position))
        assert.deepStrictEqual(yield* ledger.begin(batch, "first"), { read: 0, offset: 0 })
        yield* ledger.add(batch, items(4), 4, 400)
        const [a, b] = yield* ledger.claim(batch, "me", 2)
        yield* ledger.settle(batch, "me", [done(a!.id), failed(b!.id)])
        assert.deepStrictEqual(yield* ledger.begin(batch, "first"), { read: 4, offset: 400 })
        yield* ledger.seal(batch)

        // Items 1, 2, 3 and 0 in this order, and a new one; 3 and 1 are not in it.
        assert.deepStrictEqual(yield* ledger.begin(batch, "second"), { read: 0, offset: 0 })
        assert.deepInclude(yield* ledger.counts(batch), {
          pending: 0,
          leftOut: 2,
          absent: 4,
          input: "second",
          sealed: false
        })
        assert.deepStrictEqual(yield* claims, [])
        const at = (n: number, position: number) => ({ ...item(n), position })
        assert.strictEqual(yield* ledger.add(batch, [at(2, 0), at(0, 1), at(7, 2)], 3, 300), 2)
        yield* ledger.seal(batch)
        const counts = { pending: 2, done: 1, failed: 1, leftOut: 1, absent: 2, read: 3, offset: 300, sealed: true }
        assert.deepInclude(yield* ledger.counts(batch), counts)
        assert.deepStrictEqual(
          (yield* rows(ledger, batch)).filter((row) => !row.absent).map(({ id }) => id),
          [2, 0, 7].map((n) => item(n).id)
        )
        assert.deepStrictEqual(yield* claims, [0, 2])
        assert.isUndefined(yield* ledger.nextDue(batch))

        assert.deepInclude(yield* Effect.flip(ledger.add(batch, [at(2, 5)], 6)), {
          earlier: false,
          first: 1,
          second: 6
        })
        const changed = { ...at(1, 6), hash: "another" }
        for (const refused of [ledger.compare(batch, [changed]), ledger.add(batch, [changed], 7)])
          assert.deepInclude(yield* Effect.flip(refused), { earlier: true, first: 2, second: 7, same: false })
        yield* ledger.begin(batch, null)
        const twice = ledger.add(batch, [at(3, 0), at(2, 1), at(3, 2)], 3)
        assert.deepInclude(yield* Effect.flip(twice), { earlier: false, first: 1, second: 3, same: true })
        yield* ledger.compare(batch, [at(3, 9), at(8, 1)])
      }))

    test("lets nobody write to an item that is no longer his", (ledger, batch) =>
      Effect.gen(function* () {
        yield* ledger.add(batch, items(2), 2)
        const [a, b] = yield* ledger.claim(batch, "me", 2)
        yield* ledger.settle(batch, "somebody else", [done(a!.id)])
        assert.deepInclude(yield* ledger.counts(batch), { running: 2, done: 0 })

        yield* ledger.close(batch, "me")
        yield* ledger.settle(batch, "me", [done(b!.id)])
        assert.deepInclude(yield* ledger.counts(batch), { pending: 2, running: 0, done: 0, attempts: 0 })
      }))

    test("is one owner's while that owner lives, and nobody else's", (ledger, batch) =>
      Effect.gen(function* () {
        const other = ledger.open(batch, "you", { lease: 60_000, exclusive: true })
        assert.deepInclude(yield* Effect.flip(other), { _tag: "BatchBusy", owner: "me" })
        assert.deepInclude(yield* Effect.flip(ledger.purge(batch)), { _tag: "BatchBusy" })

        yield* ledger.open(batch, "you", { lease: 60_000, exclusive: false })
        yield* ledger.add(batch, items(2), 2)
        assert.lengthOf(yield* ledger.claim(batch, "me", 1), 1)
        assert.deepStrictEqual(
          (yield* ledger.claim(batch, "you", 9)).map(({ position }) => position),
          [1]
        )
        yield* ledger.close(batch, "me")
        yield* ledger.close(batch, "you")
        yield* other
      }))

    test(
      "gives the items of an owner that fell silent to the next, and the late one nothing",
      (ledger, batch) =>
        Effect.gen(function* () {
          yield* ledger.add(batch, items(3), 3)
          const [a] = yield* ledger.claim(batch, "me", 2)
          yield* Effect.sleep(20)
          yield* ledger.open(batch, "you", { lease: 60_000, exclusive: true })

          assert.lengthOf(yield* ledger.claim(batch, "you", 9), 3)
          yield* ledger.settle(batch, "me", [done(a!.id)])
          assert.deepInclude(yield* ledger.counts(batch), { running: 3, done: 0 })
          assert.deepInclude(yield* Effect.flip(ledger.renew(batch, "me")), { _tag: "LeaseLost", owner: "me" })
          assert.deepInclude(yield* Effect.flip(ledger.claim(batch, "me", 1)), { _tag: "LeaseLost" })
        }),
      5
    )

    test("runs failed items again, all or those of one class", (ledger, batch) =>
      Effect.gen(function* () {
        yield* ledger.add(batch, items(3), 3)
        const claimed = yield* ledger.claim(batch, "me", 3)
        yield* ledger.settle(
          batch,
          "me",
          claimed.map(({ id }, n) => failed(id, n === 0 ? "429" : "404"))
        )

        assert.strictEqual(yield* ledger.redrive(batch, "429"), 1)
        assert.strictEqual(yield* ledger.redrive(batch, "500"), 0)
        assert.deepStrictEqual(
          (yield* ledger.claim(batch, "me", 9)).map(({ attempts, position }) => [position, attempts]),
          [[0, 0]]
        )
        assert.strictEqual(yield* ledger.redrive(batch), 2)
      }))

    test("lets those who share its items come and go beside the one that runs it", (ledger, batch) =>
      Effect.gen(function* () {
        const shared = { lease: 60_000, exclusive: false }
        yield* ledger.open(batch, "a worker", shared)
        assert.isTrue(yield* ledger.cancel(batch))
        yield* ledger.open(batch, "another", shared)
        assert.deepStrictEqual(yield* ledger.renew(batch, "another"), { cancelled: true })

        yield* ledger.close(batch, "me")
        yield* ledger.open(batch, "the next", { lease: 60_000, exclusive: true })
        assert.deepStrictEqual(yield* ledger.renew(batch, "a worker"), { cancelled: false })
      }))

    test("gives back the items of one that fell silent when another says that it lives", (ledger, batch) =>
      Effect.gen(function* () {
        yield* ledger.open(batch, "a worker", { lease: 5, exclusive: false })
        yield* ledger.add(batch, items(1), 1)
        assert.lengthOf(yield* ledger.claim(batch, "a worker", 1), 1)
        yield* Effect.sleep(20)
        yield* ledger.renew(batch, "me")

        assert.deepInclude(yield* ledger.counts(batch), { pending: 1, running: 0 })
        assert.deepInclude(yield* Effect.flip(ledger.renew(batch, "a worker")), { _tag: "LeaseLost" })
      }))

    test("tells those who run a batch that it was cancelled, until it is opened again", (ledger, batch) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* ledger.renew(batch, "me"), { cancelled: false })
        assert.isTrue(yield* ledger.cancel(batch))
        assert.deepStrictEqual(yield* ledger.renew(batch, "me"), { cancelled: true })
        yield* ledger.close(batch, "me")
        assert.isFalse(yield* ledger.cancel(batch))
        yield* ledger.open(batch, "me", { lease: 1_000, exclusive: true })
        assert.deepStrictEqual(yield* ledger.renew(batch, "me"), { cancelled: false })
      }))

    test("forgets a batch when told to, and no other", (ledger, batch) =>
      Effect.gen(function* () {
        yield* ledger.open(`${batch} too`, "me", { lease: 1_000, exclusive: true })
        yield* ledger.add(`${batch} too`, items(1), 1)
        yield* ledger.add(batch, items(3), 3)
        yield* ledger.close(batch, "me")

        assert.include(yield* ledger.batches, batch)
        assert.strictEqual(yield* ledger.purge(batch), 3)
        assert.notInclude(yield* ledger.batches, batch)
        assert.isUndefined(yield* ledger.counts(batch))
        assert.strictEqual(yield* ledger.purge(batch), 0)
        assert.deepInclude(yield* ledger.counts(`${batch} too`), { pending: 1 })
      }))

    test("keeps how far the input was read, in items and in bytes, and how the batch is run", (ledger, batch) =>
      Effect.gen(function* () {
        yield* ledger.add(batch, items(3), 3, 300)
        yield* ledger.add(batch, items(2), 2, 200)
        assert.deepInclude(yield* ledger.counts(batch), { read: 3, offset: 300 })

        yield* ledger.seal(batch)
        yield* ledger.add(batch, items(3), 3, 300)
        assert.deepInclude(yield* ledger.counts(batch), { sealed: true })
        yield* ledger.add(batch, items(4), 4, 400)
        assert.deepInclude(yield* ledger.counts(batch), { sealed: false, offset: 400 })

        assert.isUndefined(yield* ledger.plan(batch))
        yield* ledger.keepPlan(batch, `{"a":"é'"}`)
        yield* ledger.keepPlan(`${batch} new`, "b")
        assert.deepStrictEqual([yield* ledger.plan(batch), yield* ledger.plan(`${batch} new`)], [`{"a":"é'"}`, "b"])
        assert.deepInclude(yield* ledger.counts(batch), { read: 4, pending: 4 })
        yield* ledger.open(`${batch} new`, "me", { lease: 60_000, exclusive: true })
        assert.strictEqual(yield* ledger.plan(`${batch} new`), "b")
        assert.isUndefined(yield* ledger.plan("nobody's"))
      }))

    test("reads many rows in the order of the input, page by page", (ledger, batch) =>
      Effect.gen(function* () {
        yield* ledger.add(batch, items(1_300), 1_300)
        yield* ledger.add(batch, items(1_200, 1_300), 2_500)

        const all = yield* rows(ledger, batch, { states: ["pending"] })
        assert.deepStrictEqual(
          all.map(({ position }) => position),
          Array.from({ length: 2_500 }, (_, n) => n)
        )
      }))

    test("gives back what it was given: any id, any JSON, and why it failed but for what is no text", (ledger, batch) =>
      Effect.promise(async () => {
        const text = fc.oneof(
          fc.fullUnicodeString(),
          fc.string16bits(),
          fc.constantFrom("\0", "a\0b", "\uD800", "\\u0000")
        )
        const id = fc.fullUnicodeString({ minLength: 1, maxLength: 20 }).filter((id) => !/[\0\p{Surrogate}]/u.test(id))
        const json = fc.json({ depthSize: "medium", noUnicodeString: false })
        const number = fc.constantFrom("1e400", "-0", "1285704473650888702", "[0.1000000000000000055]")
        const value = fc.oneof(
          json,
          number,
          text.map((text) => JSON.stringify({ [text]: text }))
        )
        let position = 0
        const property = fc.asyncProperty(id, value, value, text, async (id, item, result, message) => {
          // One id is one item.
          const ids = [`${position} ${id}`, `${id} ${position}`]
          const given = ids.map((id): NewItem => ({ id, position: position++, item, hash: `hash of ${position}` }))
          const [done, failed] = given
          await Effect.runPromise(
            Effect.gen(function* () {
              yield* ledger.add(batch, given, position)
              const claimed = yield* ledger.claim(batch, "me", 9)
              assert.deepStrictEqual(
                claimed.map(({ id, item }) => [id, item]),
                given.map(({ id, item }) => [id, item])
              )
              yield* ledger.settle(batch, "me", [
                { id: done!.id, to: "done", result, took: 1 },
                { id: failed!.id, to: "failed", failure: { class: message, message }, took: 1 }
              ])
              const [first, second] = (yield* rows(ledger, batch)).slice(-2)
              assert.deepInclude(first, { id: done!.id, state: "done", item, result, failure: null })
              const kept = name === "memory" ? message : storable(message)
              const failure = { class: kept, message: kept }
              assert.deepInclude(second, { id: failed!.id, state: "failed", item, result: null, failure })
              const found = yield* rows(ledger, batch, { class: message })
              assert.include(
                found.map(({ id }) => id),
                failed!.id
              )
            })
          )
        })
        await fc.assert(property, { numRuns: 60 })
      }))

    test("gives back JSON in which half of a surrogate pair was not written as an escape", (ledger, batch) =>
      Effect.gen(function* () {
        const raw = `{"a":"\uD800","\uDC00":"\u{1F600}"}`
        yield* ledger.add(batch, [{ ...item(0), item: raw }], 1)
        const [claimed] = yield* ledger.claim(batch, "me", 1)
        yield* ledger.settle(batch, "me", [{ id: claimed!.id, to: "done", result: raw, took: 1 }])
        const [row] = yield* rows(ledger, batch)
        for (const text of [claimed!.item, row!.item, row!.result!])
          assert.deepStrictEqual(JSON.parse(text), JSON.parse(raw))
      }))

    test("refuses an id that not every database can hold, with all that came with it", (ledger, batch) =>
      Effect.gen(function* () {
        for (const id of ["a\0b", "\uD800", "b\uDC00", ""]) {
          const error = yield* Effect.flip(ledger.add(batch, [item(0), { ...item(1), id }], 2))
          assert.strictEqual(error._tag, "LedgerUnavailable")
          assert.include(error.message, "item 2 is refused: its id")
        }
        assert.deepInclude(yield* ledger.counts(batch), { pending: 0, read: 0 })
      }))

    test("holds ids of 1,800 bytes, whatever they are, and refuses longer ones", (ledger, batch) =>
      Effect.gen(function* () {
        // Not one character like the other, so that no index can make them short.
        const long = Array.from({ length: 600 }, (_, n) => String.fromCodePoint(0x4e00 + ((n * 7_919) % 20_000))).join(
          ""
        )
        assert.strictEqual(yield* ledger.add(batch, [{ ...item(0), id: long }], 1), 1)
        assert.deepStrictEqual(
          (yield* ledger.claim(batch, "me", 9)).map(({ id }) => id),
          [long]
        )
        const error = yield* Effect.flip(ledger.add(batch, [{ ...item(1), id: `${long}a` }], 2))
        assert.include(error.message, "its id must have at most 1,800 bytes in UTF-8, and has 1801")
      }))
  })

/** As databases hold it. */
const storable = (text: string) => Buffer.from(text.replaceAll("\0", "\uFFFD")).toString()
