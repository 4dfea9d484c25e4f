import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, FiberRef, HashSet } from "effect"
import * as fc from "fast-check"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Deadline from "../../src/Deadline.ts"
import * as Cache from "../../src/Resilience/Cache.ts"
import * as Sharing from "../../src/Resilience/Metrics/Sharing.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import { failureOf, guardsOf, inTurn, onMachine, refuses, timed, valueOf } from "./Calls.ts"

const { dies, fails, hangs, succeeds } = Testkit
const key: Cache.Key = { caller: "alice", call: ["orders", 42] }
const value = (text: string) => succeeds(text, { after: 10 })
const no = fails("no", { after: 10 })

describe("Cache", () => {
  onMachine(
    "answers with what it knows for so long, and then makes a call",
    Effect.gen(function* () {
      const cache = Cache.make<string>({ ttl: "1 second" })
      const call = inTurn(value("one"), value("two"))
      const ask = Cache.with(cache, key)(call)
      assert.deepStrictEqual(yield* timed(ask), [10, Exit.succeed("one")])
      yield* Effect.sleep(999)
      assert.deepStrictEqual(yield* timed(ask), [0, Exit.succeed("one")])
      yield* Effect.sleep(1)
      assert.deepStrictEqual(yield* timed(ask), [10, Exit.succeed("two")])
      assert.lengthOf(call.asked, 2)
    })
  )

  onMachine(
    "makes one call, however many ask at once for what it does not know",
    Effect.gen(function* () {
      const cache = Cache.make<string>({ ttl: "1 second" })
      const call = value("one")
      const ask = Cache.with(cache, key)(call)
      yield* Effect.all([ask, ask, ask], { concurrency: 3 })
      assert.lengthOf(call.seen.asked, 1)
    })
  )

  onMachine(
    "gives nobody what was answered to another caller",
    Effect.gen(function* () {
      const cache = Cache.make<string>({ ttl: "1 second" })
      const ask = (caller: string) => Cache.with(cache, { caller, call: ["orders"] })(value(`for ${caller}`))
      for (const caller of ["alice", "bob", "alice"]) assert.strictEqual(yield* ask(caller), `for ${caller}`)
    })
  )

  onMachine(
    "keeps no failure and no defect, and an interruption leaves nothing behind",
    Effect.gen(function* () {
      const cache = Cache.make<string, string>({ ttl: "1 second" })
      const call = inTurn(no, dies("bug"), hangs(), value("one"))
      const ask = Cache.with(cache, key)(call)
      yield* Effect.exit(ask)
      yield* Effect.exit(ask)
      yield* Effect.timeoutOption(ask, 10)
      assert.strictEqual(yield* ask, "one")
      assert.lengthOf(call.asked, 4)
    })
  )

  onMachine(
    "keeps those failures that it is asked to, for a time of their own; a defect never",
    Effect.gen(function* () {
      const failures = { ttl: 100, when: (error: string) => error === "no such order" }
      const cache = Cache.make<string, string>({ ttl: "1 second", failures })
      const call = inTurn(fails("down"), fails("no such order"), dies("bug"), value("one"))
      const ask = Effect.exit(Cache.with(cache, key)(call))
      assert.deepStrictEqual(yield* ask, Exit.fail("down"))
      assert.deepStrictEqual([yield* ask, yield* ask], [Exit.fail("no such order"), Exit.fail("no such order")])
      yield* Effect.sleep(99)
      assert.deepStrictEqual(yield* ask, Exit.fail("no such order"))
      yield* Effect.sleep(1)
      assert.deepStrictEqual(yield* ask, Exit.die("bug"))
      assert.deepStrictEqual(yield* ask, Exit.succeed("one"))
      assert.lengthOf(call.asked, 4)

      const all = Cache.make<string, string>({ ttl: "1 second", failures: { ttl: 100 } })
      const failing = inTurn(no)
      yield* Effect.exit(Cache.with(all, key)(failing))
      yield* Effect.exit(Cache.with(all, key)(failing))
      assert.lengthOf(failing.asked, 1)
    })
  )

  describe("stale while revalidate", () => {
    const options = { ttl: 100, staleWhileRevalidate: 200 } as const

    onMachine(
      "gives what is old at once, and fetches what is new behind the answer, once",
      Effect.gen(function* () {
        const cache = Cache.make<string>(options)
        const call = inTurn(value("one"), value("two"))
        const ask = Cache.with(cache, key)(call)
        yield* ask
        yield* Effect.sleep(150)
        const both = Effect.map(Effect.all([ask, ask], { concurrency: 2 }), (all) => all.join())
        assert.deepStrictEqual(yield* timed(both), [0, Exit.succeed("one,one")])
        assert.deepStrictEqual(yield* timed(ask), [0, Exit.succeed("one")])
        yield* Effect.sleep(10)
        assert.deepStrictEqual(yield* timed(ask), [0, Exit.succeed("two")])
        assert.lengthOf(call.asked, 2)
        // Nobody has asked for so long that it is too old.
        yield* Effect.sleep(300)
        assert.deepStrictEqual(yield* timed(ask), [10, Exit.succeed("two")])
      })
    )

    onMachine(
      "the call behind is the cleanup owner's, and has neither the deadline nor the end of the one who caused it",
      Effect.gen(function* () {
        const cache = Cache.make<string>({ ...options, refreshLimit: 500 })
        const long = succeeds("two", { after: 400 })
        const call = inTurn(value("one"), long)
        const ask = Cache.with(cache, key)(call)
        yield* ask
        yield* Effect.sleep(150)
        const asking = yield* Effect.fork(Effect.zipRight(Deadline.within(50)(ask), hangs()))
        yield* Effect.sleep(1)
        const owner = yield* Cleanup.Owner
        assert.lengthOf(owner.running(), 1)
        yield* Fiber.interrupt(asking)
        yield* Cleanup.settled

        assert.deepStrictEqual(yield* timed(ask), [0, Exit.succeed("two")])
      })
    )

    onMachine(
      "the call behind is stopped at its limit, and the next one who asks makes another",
      Effect.gen(function* () {
        const cache = Cache.make<string>({ ...options, staleWhileRevalidate: 10_000, refreshLimit: 500 })
        const start = yield* Clock.currentTimeMillis
        const hanging = hangs()
        const call = inTurn(value("one"), hanging, value("three"))
        const ask = Cache.with(cache, key)(call)
        yield* ask
        yield* Effect.sleep(140)
        yield* ask
        yield* Effect.sleep(499)
        yield* ask
        assert.lengthOf(call.asked, 2)
        yield* Effect.sleep(2)
        assert.deepStrictEqual(hanging.seen.interrupted, [start + 650])
        yield* ask
        yield* Effect.sleep(20)
        assert.deepStrictEqual(yield* timed(ask), [0, Exit.succeed("three")])
      })
    )

    onMachine(
      "when the call behind fails, what is old is given as long as it may be",
      Effect.gen(function* () {
        const cache = Cache.make<string, string>(options)
        const call = inTurn(value("one"), no)
        const ask = Effect.exit(Cache.with(cache, key)(call))
        yield* ask
        yield* Effect.sleep(150)
        for (let n = 0; n < 4; n++) {
          assert.deepStrictEqual(yield* ask, Exit.succeed("one"))
          yield* Effect.sleep(30)
        }
        assert.lengthOf(call.asked, 5)
        yield* Effect.sleep(40)
        assert.deepStrictEqual(yield* ask, Exit.fail("no"))
      })
    )
  })

  describe("stale if error", () => {
    onMachine(
      "gives what is old when the call for new has failed, and not when it has worked",
      Effect.gen(function* () {
        const cache = Cache.make<string, string>({ ttl: 100, staleIfError: 300 })
        const call = inTurn(value("one"), no, value("two"), no)
        const ask = timed(Cache.with(cache, key)(call))
        yield* ask
        yield* Effect.sleep(100)
        assert.deepStrictEqual(yield* ask, [10, Exit.succeed("one")])
        assert.deepStrictEqual(yield* ask, [10, Exit.succeed("two")])
        yield* Effect.sleep(389)
        assert.deepStrictEqual(yield* ask, [10, Exit.succeed("two")])
        assert.deepStrictEqual(yield* ask, [10, Exit.fail("no")])
      })
    )

    onMachine(
      "gives it at the deadline too, and never for a defect",
      Effect.gen(function* () {
        const cache = Cache.make<string, string>({ ttl: 100, staleIfError: 300 })
        const call = inTurn(value("one"), hangs(), dies("bug"))
        const ask = timed(Cache.with(cache, key)(call))
        yield* ask
        yield* Effect.sleep(100)
        assert.deepStrictEqual(yield* Deadline.within(50)(ask), [50, Exit.succeed("one")])
        assert.deepStrictEqual(yield* ask, [0, Exit.die("bug")])
        const empty = Cache.make<string>({ ttl: 100, staleIfError: 300 })
        const [elapsed, exit] = yield* Deadline.within(50)(timed(Cache.with(empty, key)(hangs())))
        assert.deepInclude(failureOf(exit), { _tag: "DeadlineExceeded" })
        assert.strictEqual(elapsed, 50)
      })
    )
  })

  onMachine(
    "of more than it holds it drops those that were not asked for the longest",
    Effect.gen(function* () {
      const cache = Cache.make<number>({ name: "small", ttl: "1 hour", capacity: 3 })
      const made: Array<number> = []
      const ask = (call: number) =>
        Cache.with(cache, { public: true, call: [call] })(Effect.sync(() => (made.push(call), call)))
      yield* Effect.forEach([1, 2, 3, 1, 4, 1, 3, 2, 4, 3], ask)

      assert.deepStrictEqual(made, [1, 2, 3, 4, 2, 4])
      assert.strictEqual(yield* valueOf(Sharing.evictions, { cache: "small" }), 3)
    })
  )

  onMachine(
    "forgets what it is told to, also what a call in flight will tell",
    Effect.gen(function* () {
      const cache = Cache.make<string>({ ttl: "1 hour" })
      const call = inTurn(value("one"), value("two"), value("three"), value("four"))
      const ask = Cache.with(cache, key)(call)
      yield* ask
      yield* cache.invalidate(key)
      const flying = yield* Effect.fork(ask)
      yield* Effect.sleep(5)
      yield* cache.invalidate(key)
      assert.strictEqual(yield* ask, "three")
      assert.strictEqual(yield* Fiber.join(flying), "two")
      assert.strictEqual(yield* ask, "three")
      yield* cache.invalidate({ caller: "bob", call: ["orders", 42] })
      assert.strictEqual(yield* ask, "three")
    })
  )

  onMachine(
    "none keeps nothing",
    Effect.gen(function* () {
      const call = value("one")
      const ask = Cache.with(Cache.none<string>(), key)(call)
      yield* Effect.all([ask, ask])
      yield* Cache.none().invalidate(key)
      assert.lengthOf(call.seen.asked, 2)
    })
  )

  onMachine(
    "shows in the receipt and in metrics where a value came from",
    Effect.gen(function* () {
      const cache = Cache.make<string, string>({
        name: "shown",
        ttl: 100,
        staleWhileRevalidate: 100,
        staleIfError: 500
      })
      const call = inTurn(value("one"), no)
      const ask = guardsOf(Cache.with(cache, key)(call))
      const served = Effect.map(ask, (guards) => guards?.served ?? null)
      assert.isNull(yield* served)
      assert.strictEqual(yield* served, "cache")
      yield* Effect.sleep(100)
      assert.strictEqual(yield* served, "stale")
      yield* Effect.sleep(100)
      assert.strictEqual(yield* served, "stale")

      const found = (what: string) => valueOf(Sharing.lookups, { cache: "shown", found: what })
      assert.deepStrictEqual(
        [yield* found("fresh"), yield* found("stale"), yield* found("nothing"), yield* found("spare")],
        [1, 1, 2, 1]
      )
    })
  )

  it("refuses what cannot be meant, by name, when it is made", () => {
    const ttl = 100
    refuses({
      "Cache.make ttl #zero": () => Cache.make({ ttl: 0 }),
      "Cache.make ttl #negative": () => Cache.make({ ttl: -1 }),
      "Cache.make ttl #NaN": () => Cache.make({ ttl: NaN }),
      "Cache.make capacity": () => Cache.make({ ttl, capacity: 0 }),
      "Cache.make staleWhileRevalidate": () => Cache.make({ ttl, staleWhileRevalidate: -1 }),
      "Cache.make staleIfError": () => Cache.make({ ttl, staleIfError: Infinity }),
      "Cache.make failures.ttl": () => Cache.make({ ttl, failures: { ttl: 0 } }),
      "Cache.make refreshLimit": () => Cache.make({ ttl, refreshLimit: 0 }),
      "Cache.with key.caller": () => Cache.with(Cache.make({ ttl }), { call: ["orders"] } as never)
    })
  })

  it("gives nothing older than it may be, and nothing of another key, whatever happens", () => {
    const step = fc.record({
      after: fc.integer({ min: 0, max: 80 }),
      key: fc.integer({ min: 0, max: 2 }),
      takes: fc.integer({ min: 0, max: 30 }),
      fails: fc.boolean(),
      invalidate: fc.boolean()
    })
    const ties = fc.constantFrom<Machine.Ties>("forward", "backward", "together")
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), ties, (steps, order) => {
        const cache = Cache.make<{ key: number; at: number }, string>({
          ttl: 50,
          staleWhileRevalidate: 30,
          staleIfError: 60,
          capacity: 2
        })
        const invalidated = [0, 0, 0]
        const asking: Array<Fiber.RuntimeFiber<void>> = []
        const program = Effect.gen(function* () {
          for (const { after, fails: fail, invalidate, key, takes } of steps) {
            yield* Effect.sleep(after)
            const name: Cache.Key = { public: true, call: [key] }
            if (invalidate) {
              invalidated[key] = yield* Clock.currentTimeMillis
              yield* cache.invalidate(name)
              continue
            }
            const call = Effect.flatMap(Clock.currentTimeMillis, (began) =>
              Effect.flatMap(Effect.sleep(takes), () => (fail ? Effect.fail("no") : Effect.succeed({ key, at: began })))
            )
            const ask = Effect.gen(function* () {
              const since = invalidated[key]!
              const exit = yield* Effect.exit(Cache.with(cache, name)(call))
              const then = yield* Clock.currentTimeMillis
              if (Exit.isFailure(exit)) return
              assert.strictEqual(exit.value.key, key)
              // Its age counts from the end of its call.
              assert.isBelow(then - exit.value.at, 50 + 60 + 30 + 1)
              assert.isAtLeast(exit.value.at, since)
            })
            asking[asking.length] = yield* Effect.fork(ask)
          }
          yield* Fiber.joinAll(asking)
          yield* Cleanup.settled
        })
        const ran = Machine.run(Effect.locally(program, FiberRef.currentLoggers, HashSet.empty()), order)
        if (ran.exit._tag === "None" || ran.exit.value._tag === "Failure") assert.fail(String(ran.exit))
        assert.strictEqual(ran.fibers, 0)
      }),
      { numRuns: 150 }
    )
  })
})
