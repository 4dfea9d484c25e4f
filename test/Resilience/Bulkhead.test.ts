import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import * as fc from "fast-check"
import * as Deadline from "../../src/Deadline.ts"
import * as Bulkhead from "../../src/Resilience/Bulkhead.ts"
import { refusals } from "../../src/Resilience/Metrics.ts"
import * as Sharing from "../../src/Resilience/Metrics/Sharing.ts"
import { Shared } from "../../src/Resilience/Patience.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import { failureOf, guardsOf, inTurn, onMachine, refuses, timed, valueOf } from "./Calls.ts"
import { filled } from "./Bulkhead/Filled.ts"

const { fails, hangs, succeeds } = Testkit
const slow = succeeds("fine", { after: 100 })
const ties = fc.constantFrom<Machine.Ties>("forward", "backward", "together")
const gone = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => fiber.unsafePoll()

describe("Bulkhead", () => {
  onMachine(
    "lets so many calls through at once, and the others in the order in which they came",
    Effect.gen(function* () {
      const bulkhead = Bulkhead.make({ limit: 2 })
      const began: Array<string> = []
      const call = (name: string) =>
        Bulkhead.with(bulkhead)(
          Effect.zipRight(
            Effect.sync(() => began.push(name)),
            slow
          )
        )
      const [elapsed] = yield* timed(Effect.forEach(["a", "b", "c", "d", "e"], call, { concurrency: "unbounded" }))

      assert.deepStrictEqual([elapsed, began], [300, ["a", "b", "c", "d", "e"]])
      assert.deepStrictEqual([yield* bulkhead.inFlight, yield* bulkhead.waiting], [0, 0])
    })
  )

  onMachine(
    "takes as many places as a call weighs, and lets no lighter call overtake it",
    Effect.gen(function* () {
      const bulkhead = Bulkhead.make({ limit: 3 })
      const began: Array<string> = []
      const call = (name: string, weight: number) =>
        Effect.zipRight(
          Effect.sync(() => began.push(name)),
          slow
        ).pipe(Bulkhead.with(bulkhead, { weight }))
      const all = [call("two", 2), call("three", 3), call("one", 1)]
      const running = yield* Effect.fork(Effect.all(all, { concurrency: "unbounded" }))
      yield* Effect.sleep(50)
      assert.deepStrictEqual([yield* bulkhead.inFlight, yield* bulkhead.waiting, began], [2, 2, ["two"]])
      yield* Fiber.join(running)

      assert.deepStrictEqual(began, ["two", "three", "one"])
    })
  )

  onMachine(
    "refuses at once when as many wait as may, and says how many",
    Effect.gen(function* () {
      const bulkhead = Bulkhead.make({ name: "orders", limit: 1, queue: 2 })
      yield* filled(bulkhead, 3)
      const [elapsed, exit] = yield* timed(Bulkhead.with(bulkhead)(slow))

      const error = failureOf(exit)
      assert.instanceOf(error, Bulkhead.BulkheadFull)
      assert.deepInclude(error, { _tag: "BulkheadFull", bulkhead: "orders", reason: "queue", limit: 1, waiting: 2 })
      assert.strictEqual(elapsed, 0)
      assert.strictEqual(
        error.message,
        'The bulkhead "orders" is full: its limit is 1, 2 calls wait, and no more may wait'
      )
    })
  )

  onMachine(
    "lets nobody wait with a queue of zero, and a thousand with none given",
    Effect.gen(function* () {
      const none = Bulkhead.make({ limit: 1, queue: 0 })
      yield* filled(none, 1)
      assert.instanceOf(failureOf(yield* Effect.exit(Bulkhead.with(none)(slow))), Bulkhead.BulkheadFull)

      const thousand = Bulkhead.make({ limit: 1 })
      yield* filled(thousand, 1_001)
      assert.instanceOf(failureOf(yield* Effect.exit(Bulkhead.with(thousand)(slow))), Bulkhead.BulkheadFull)
      const unbounded = Bulkhead.make({ limit: 1, queue: "unbounded" })
      yield* filled(unbounded, 1_100)
      assert.strictEqual(yield* unbounded.waiting, 1_099)
    })
  )

  onMachine(
    "tryWith makes the call if there is a place, and does not wait",
    Effect.gen(function* () {
      const bulkhead = Bulkhead.make({ limit: 2 })
      assert.deepStrictEqual(yield* Bulkhead.tryWith(bulkhead)(slow), Option.some("fine"))
      yield* filled(bulkhead, 1)
      const call = inTurn(slow)
      const [elapsed, exit] = yield* timed(Bulkhead.tryWith(bulkhead, { weight: 2 })(call))

      assert.deepStrictEqual([elapsed, exit, call.asked], [0, Exit.succeed(Option.none()), []])
      assert.deepStrictEqual(yield* Bulkhead.tryWith(bulkhead)(slow), Option.some("fine"))
      assert.strictEqual(yield* bulkhead.inFlight, 1)
    })
  )

  describe("a call that must wait", () => {
    onMachine(
      "and has no time left is refused at once",
      Effect.gen(function* () {
        const bulkhead = Bulkhead.make({ name: "orders", limit: 1 })
        yield* filled(bulkhead, 1)
        const [elapsed, exit] = yield* timed(Deadline.within(0)(Bulkhead.with(bulkhead)(slow)))

        assert.strictEqual(elapsed, 0)
        assert.deepInclude(failureOf(exit), { _tag: "BulkheadFull", reason: "deadline", waiting: 0 })
        assert.match(String(failureOf(exit)), /0 calls wait, and no place would be free in time/)
      })
    )

    onMachine(
      "leaves at its deadline, and the next one gets its place",
      Effect.gen(function* () {
        const bulkhead = Bulkhead.make({ limit: 1 })
        const holder = yield* filled(bulkhead, 1)
        const late = yield* Effect.fork(timed(Deadline.within(50)(Bulkhead.with(bulkhead)(slow))))
        const next = yield* Effect.fork(Bulkhead.with(bulkhead)(slow))
        yield* Effect.sleep(49)
        assert.deepStrictEqual([gone(late), yield* bulkhead.waiting], [null, 2])
        yield* Effect.sleep(2)

        const [elapsed, exit] = yield* Fiber.join(late)
        assert.deepInclude(failureOf(exit), { _tag: "BulkheadFull", reason: "deadline" })
        assert.deepStrictEqual([elapsed, yield* bulkhead.waiting], [50, 1])
        yield* Fiber.interrupt(holder)
        assert.strictEqual(yield* Fiber.join(next), "fine")
        assert.deepStrictEqual([yield* bulkhead.inFlight, yield* bulkhead.waiting], [0, 0])
      })
    )

    onMachine(
      "is refused at once when it would end after its deadline, by how long half of the calls took",
      Effect.gen(function* () {
        const bulkhead = Bulkhead.make({ limit: 2 })
        for (let n = 0; n < 20; n++) yield* Bulkhead.with(bulkhead)(slow)
        const holders = Effect.fork(
          Effect.all([slow, slow, slow, slow].map(Bulkhead.with(bulkhead)), { concurrency: 4 })
        )
        const waiting = yield* holders
        yield* Effect.sleep(60)
        // Two more places are free in 40 ms, and again 100 ms later. It would end 100 ms after that.
        const [soon, refused] = yield* timed(Deadline.within(210)(Bulkhead.with(bulkhead)(slow)))
        assert.deepInclude(failureOf(refused), { _tag: "BulkheadFull", reason: "deadline", waiting: 2 })
        assert.strictEqual(soon, 0)

        const [elapsed, exit] = yield* timed(Deadline.within(245)(Bulkhead.with(bulkhead)(slow)))
        assert.deepStrictEqual([elapsed, exit], [240, Exit.succeed("fine")])
        yield* Fiber.join(waiting)
      })
    )

    onMachine(
      "is not refused by what is not known: failures say nothing of how long a call takes",
      Effect.gen(function* () {
        const bulkhead = Bulkhead.make({ limit: 1 })
        for (let n = 0; n < 40; n++) {
          yield* Effect.exit(Bulkhead.with(bulkhead)(n % 2 === 0 ? fails("no", { after: 100 }) : fails("no")))
        }
        for (let n = 0; n < 19; n++) yield* Bulkhead.with(bulkhead)(slow)
        const holder = yield* Effect.fork(Bulkhead.with(bulkhead)(succeeds("fine", { after: 5 })))
        yield* Effect.sleep(0)

        const [elapsed, exit] = yield* timed(
          Deadline.within(10)(Bulkhead.with(bulkhead)(succeeds("quick", { after: 1 })))
        )
        assert.deepStrictEqual([elapsed, exit], [6, Exit.succeed("quick")])
        yield* Fiber.join(holder)
      })
    )

    onMachine(
      "for a shared call waits as long as the last of those who share it",
      Effect.gen(function* () {
        const bulkhead = Bulkhead.make({ limit: 1 })
        yield* filled(bulkhead, 1)
        let until = (yield* Deadline.now) + 50
        const call = Bulkhead.with(bulkhead)(slow).pipe(Effect.provideService(Shared, () => until))
        const waiting = yield* Effect.fork(timed(call))
        yield* Effect.sleep(20)
        until += 30
        yield* Effect.sleep(40)
        assert.isNull(gone(waiting))

        const [elapsed, exit] = yield* Fiber.join(waiting)
        assert.deepInclude(failureOf(exit), { _tag: "BulkheadFull", reason: "deadline" })
        assert.strictEqual(elapsed, 80)
      })
    )

    onMachine(
      "where nothing can be interrupted leaves at its deadline all the same",
      Effect.gen(function* () {
        const bulkhead = Bulkhead.make({ limit: 1 })
        yield* filled(bulkhead, 1)
        const [elapsed, exit] = yield* timed(Effect.uninterruptible(Deadline.within(50)(Bulkhead.with(bulkhead)(slow))))

        assert.deepInclude(failureOf(exit), { _tag: "BulkheadFull", reason: "deadline" })
        assert.strictEqual(elapsed, 50)
      })
    )
  })

  onMachine(
    "gives the places back however a call ends",
    Effect.gen(function* () {
      const bulkhead = Bulkhead.make({ limit: 2 })
      const ends: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        slow,
        fails("no"),
        Testkit.dies(new Error("bug")),
        Effect.interrupt,
        Effect.sync(() => {
          throw new Error("bug")
        }),
        Effect.timeout(hangs(), 10)
      ]
      for (const end of ends) {
        yield* Effect.exit(Bulkhead.with(bulkhead, { weight: 2 })(end))
        yield* Effect.exit(Bulkhead.tryWith(bulkhead, { weight: 2 })(end))
        assert.strictEqual(yield* bulkhead.inFlight, 0)
      }
      const holder = yield* Effect.fork(Bulkhead.with(bulkhead, { weight: 2 })(hangs()))
      const waiter = yield* Effect.fork(Deadline.within("1 hour")(Bulkhead.with(bulkhead)(hangs())))
      yield* Effect.sleep(1)
      yield* Fiber.interrupt(waiter)
      assert.deepStrictEqual([yield* bulkhead.inFlight, yield* bulkhead.waiting], [2, 0])
      yield* Fiber.interrupt(holder)
      assert.strictEqual(yield* bulkhead.inFlight, 0)
    })
  )

  onMachine(
    "by key has a limit and a queue for each, and none for a key that is idle",
    Effect.gen(function* () {
      const keyed = Bulkhead.keyed({ name: "tenants", limit: 1, queue: 1 })
      const call = (key: string) => Bulkhead.with(keyed.of(key))(slow)
      const running = yield* Effect.fork(
        Effect.all(["a", "a", "b"].map(call), { concurrency: "unbounded", discard: true })
      )
      yield* Effect.sleep(10)
      assert.deepStrictEqual(
        [yield* keyed.busy, yield* keyed.of("a").waiting, yield* keyed.of("b").waiting, yield* keyed.of("c").inFlight],
        [2, 1, 0, 0]
      )
      const error = failureOf(yield* Effect.exit(call("a")))
      assert.deepInclude(error, { _tag: "BulkheadFull", key: "a", reason: "queue" })
      assert.match(String(error), /The bulkhead "tenants" of "a" is full: its limit is 1, 1 call waits/)
      yield* Fiber.join(running)

      assert.strictEqual(yield* keyed.busy, 0)
      for (let n = 0; n < 100; n++) yield* call(`key ${n}`)
      yield* Effect.exit(Effect.timeout(Bulkhead.with(keyed.of("d"))(hangs()), 5))
      assert.strictEqual(yield* keyed.busy, 0)
    })
  )

  onMachine(
    "none lets everything through",
    Effect.gen(function* () {
      const call = Bulkhead.with(Bulkhead.none, { weight: 1_000 })(slow)
      const [elapsed] = yield* timed(Effect.all([call, call, call], { concurrency: 3 }))
      assert.deepStrictEqual([elapsed, yield* Bulkhead.tryWith(Bulkhead.none)(slow)], [100, Option.some("fine")])
      assert.deepStrictEqual([yield* Bulkhead.none.inFlight, yield* Bulkhead.none.waiting], [0, 0])
    })
  )

  onMachine(
    "shows in the receipt and in metrics: how long a call waited, and that it was refused",
    Effect.gen(function* () {
      const bulkhead = Bulkhead.make({ name: "shown", limit: 1, queue: 1 })
      const holder = yield* Effect.fork(Bulkhead.with(bulkhead)(slow))
      yield* Effect.sleep(40)
      const waiting = yield* Effect.fork(guardsOf(Bulkhead.with(bulkhead)(slow)))
      yield* Effect.sleep(0)
      const tags = { bulkhead: "shown" }
      assert.strictEqual(yield* valueOf(Sharing.bulkheadInFlight, tags), 1)
      assert.strictEqual(yield* valueOf(Sharing.bulkheadWaiting, tags), 1)
      const refused = yield* guardsOf(Bulkhead.with(bulkhead)(slow))

      assert.deepInclude(refused, { refused: "bulkhead", queued: 0 })
      assert.deepInclude(yield* Fiber.join(waiting), { refused: null, queued: 60 })
      assert.strictEqual(yield* valueOf(refusals, { source: "shown", by: "bulkhead" }), 1)
      assert.strictEqual(yield* valueOf(Sharing.queued, { guard: "bulkhead", name: "shown" }), 1)
      assert.strictEqual(yield* valueOf(Sharing.bulkheadInFlight, tags), 0)
      assert.strictEqual(yield* valueOf(Sharing.bulkheadWaiting, tags), 0)
      yield* Fiber.join(holder)
    })
  )

  it("refuses what cannot be meant, by name, when it is made", () => {
    const bulkhead = Bulkhead.make({ limit: 3 })
    refuses({
      "Bulkhead.make limit #zero": () => Bulkhead.make({ limit: 0 }),
      "Bulkhead.make limit #negative": () => Bulkhead.make({ limit: -1 }),
      "Bulkhead.make limit #NaN": () => Bulkhead.make({ limit: NaN }),
      "Bulkhead.keyed limit": () => Bulkhead.keyed({ limit: 1.5 }),
      "Bulkhead.make queue #negative": () => Bulkhead.make({ limit: 1, queue: -1 }),
      "Bulkhead.make queue #NaN": () => Bulkhead.make({ limit: 1, queue: NaN }),
      "Bulkhead.with weight #zero": () => Bulkhead.with(bulkhead, { weight: 0 }),
      "Bulkhead.with weight #over": () => Bulkhead.with(bulkhead, { weight: 4 }),
      "Bulkhead.tryWith weight": () => Bulkhead.tryWith(bulkhead, { weight: NaN })
    })
  })

  it("keeps order, limit and deadlines, whatever calls come", () => {
    const call = fc.record({
      at: fc.integer({ min: 0, max: 60 }),
      weight: fc.integer({ min: 1, max: 3 }),
      takes: fc.integer({ min: 0, max: 30 }),
      deadline: fc.option(fc.integer({ min: 0, max: 80 })),
      interruptedAfter: fc.option(fc.integer({ min: 0, max: 60 }))
    })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 20 }), ties, (calls, order) => {
        const bulkhead = Bulkhead.make({ limit: 3 })
        let held = 0
        const program = Effect.forEach(
          calls,
          ({ at, deadline, interruptedAfter, takes, weight }) =>
            Effect.gen(function* () {
              yield* Effect.sleep(at)
              const body = Effect.acquireUseRelease(
                Effect.sync(() => {
                  held += weight
                  assert.isAtMost(held, 3)
                }),
                () => Effect.sleep(takes),
                () => Effect.sync(() => void (held -= weight))
              )
              const guarded = Bulkhead.with(bulkhead, { weight })(body)
              const fiber = yield* Effect.fork(timed(deadline === null ? guarded : Deadline.within(deadline)(guarded)))
              if (interruptedAfter !== null) {
                yield* Effect.sleep(interruptedAfter)
                yield* Fiber.interrupt(fiber)
                return
              }
              const [elapsed, exit] = yield* Fiber.join(fiber)
              const error = failureOf(exit)
              if (error !== undefined) assert.isAtMost(elapsed, deadline ?? -1)
              else assert.isTrue(Exit.isSuccess(exit))
            }),
          { concurrency: "unbounded", discard: true }
        )
        const ran = Machine.run(program, order)

        if (ran.exit._tag === "None" || ran.exit.value._tag === "Failure") assert.fail(String(ran.exit))
        assert.deepStrictEqual(
          [held, Effect.runSync(bulkhead.inFlight), Effect.runSync(bulkhead.waiting), ran.fibers],
          [0, 0, 0, 0]
        )
      }),
      { numRuns: 100 }
    )
  })
})
