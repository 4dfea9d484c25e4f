import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Deadline from "../../src/Deadline.ts"
import { InvalidOption } from "../../src/Options.ts"
import * as Faults from "../../src/Source/Fault.ts"
import * as Pool from "../../src/Source/Pool.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Laws from "./Pool/Laws.ts"
import * as Scripted from "./Pool/Scripted.ts"

/** A pool over a scripted server, and the way to ask it one thing. */
const setup = (options?: Pool.PoolOptions, behaviour?: Partial<Scripted.Behaviour>) =>
  Effect.gen(function* () {
    const server = Scripted.make(behaviour)
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Testkit.timed(Scope.close(scope, Exit.void)))
    const pool = yield* Scope.extend(Pool.make(server.driver, options), scope)
    const run = (query: Scripted.Query) => Effect.scoped(Effect.flatMap(pool.take, (lease) => server.ask(lease, query)))
    return { ...server, pool, run, close: Scope.close(scope, Exit.void) }
  })

const quick = { name: "quick", millis: 1 }
const slow = { name: "slow", millis: 10_000 }

/** Starts something and lets it come as far as it can without time passing. */
const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.tap(Effect.fork(effect), () => TestClock.adjust(0))

const reasonOf = (exit: Exit.Exit<unknown, { readonly _tag: string; readonly reason: string }>) =>
  Exit.match(exit, {
    onSuccess: () => "it was answered",
    onFailure: (cause) => (Cause.isFailType(cause) ? `${cause.error._tag}: ${cause.error.reason}` : Cause.pretty(cause))
  })

describe("Pool", () => {
  describe("lends connections", () => {
    it.scoped("again and again, and opens another only when none is free", () =>
      Effect.gen(function* () {
        const { connections, pool, run } = yield* setup()

        yield* Testkit.timed(Effect.zipRight(run(quick), run(quick)))
        assert.lengthOf(connections, 1)
        yield* Testkit.timed(Effect.all([run(quick), run(quick)], { concurrency: 2 }))

        assert.lengthOf(connections, 2)
        assert.deepStrictEqual(pool.stats(), { used: 0, idle: 2, waiting: 0 })
      })
    )

    it.scoped("never more than it may have, in the order of asking", () =>
      Effect.gen(function* () {
        const { connections, run, sent } = yield* setup({ maxConnections: 2 })
        const names = ["0", "1", "2", "3", "4", "5"]

        const asked = names.map((name) => run({ name, millis: 10 }))
        const [elapsed] = yield* Testkit.timed(Effect.all(asked, { concurrency: "unbounded" }))

        assert.deepStrictEqual([elapsed, sent, connections.length], [30, names, 2])
      })
    )

    it.scoped("which are alive: a lost one is replaced", () =>
      Effect.gen(function* () {
        const { connections, pool, run } = yield* setup()
        yield* Testkit.timed(run(quick))

        connections[0]!.state = "closed"
        assert.strictEqual(pool.stats().idle, 0)
        yield* Testkit.timed(run(quick))

        assert.deepStrictEqual(
          connections.map(({ asked }) => asked),
          [["quick"], ["quick"]]
        )
      })
    )

    it.scoped("of which it closes, with a word, those that nobody uses for long", () =>
      Effect.gen(function* () {
        const { log, pool, run } = yield* setup({ idleTimeout: "1 minute" })
        yield* Testkit.timed(Effect.all([run(quick), run(quick)], { concurrency: 2 }))

        yield* TestClock.adjust("50 seconds")
        yield* Testkit.timed(run(quick))
        yield* TestClock.adjust("50 seconds")
        yield* TestClock.adjust("20 seconds")

        assert.strictEqual(pool.stats().idle, 0)
        assert.sameMembers(log, ["close 0", "destroy 0", "close 1", "destroy 1"])
      })
    )

    it.scoped("not after the scope that took them has closed", () =>
      Effect.gen(function* () {
        const { ask, pool, wrong } = yield* setup()
        const lease = yield* Effect.scoped(pool.take)

        const exit = yield* Effect.exit(ask(lease, quick))

        assert.match(reasonOf(exit), /^SourceRejected: scripted at nowhere: the connection was given back already$/)
        assert.deepStrictEqual(wrong, [])
      })
    )
  })

  describe("whoever waits for a turn", () => {
    it.scoped("can be interrupted, and those behind go on", () =>
      Effect.gen(function* () {
        const { pool, run } = yield* setup({ maxConnections: 1 })
        const first = yield* start(run({ name: "first", millis: 100 }))
        const waiting = yield* start(run(quick))
        const behind = yield* start(run(quick))
        assert.strictEqual(pool.stats().waiting, 2)

        const [elapsed] = yield* Testkit.timed(Fiber.interrupt(waiting))
        assert.deepStrictEqual([elapsed, pool.stats().waiting], [0, 1])

        const [later] = yield* Testkit.timed(Fiber.join(behind))
        assert.strictEqual(later, 101)
        yield* Fiber.join(first)
      })
    )

    it.scoped("gives up at the deadline, and is refused at once after it", () =>
      Effect.gen(function* () {
        const { pool, run } = yield* setup({ maxConnections: 1 })
        yield* start(run(slow))

        const [late, lateExit] = yield* Testkit.timed(Deadline.within(100)(run(quick)))
        const [passed, passedExit] = yield* Testkit.timed(Deadline.within(0)(run(quick)))

        assert.deepStrictEqual([late, passed], [120, 0])
        assert.match(
          reasonOf(lateExit),
          /^SourceUnavailable: .* none of its 1 connections came free before the deadline$/
        )
        assert.match(
          reasonOf(passedExit),
          /^SourceUnavailable: .* the deadline had passed before there was a connection$/
        )
        assert.strictEqual(pool.stats().waiting, 0)
      })
    )

    it.effect("says in the receipt how long it waited", () =>
      Effect.gen(function* () {
        const { run } = yield* setup({ maxConnections: 1 })
        const broken = Effect.zipRight(run(quick), Effect.fail("no"))
        const [, exit] = yield* Testkit.timed(
          Effect.flip(Aggregator.gather("page", { first: run({ name: "first", millis: 70 }), second: broken }))
        )
        assert(Exit.isSuccess(exit) && exit.value._tag === "SourceFailed")

        assert.deepStrictEqual(
          exit.value.receipt.sources.map(({ guards }) => guards?.queued ?? 0),
          [0, 70]
        )
      }).pipe(Effect.scoped, Effect.provide(Aggregator.layer()))
    )
  })

  describe("connecting", () => {
    it.scoped("is given up after its timeout, or at the deadline if that is nearer", () =>
      Effect.gen(function* () {
        const { open, pool, run } = yield* setup({ connectTimeout: 500 }, { opening: Infinity })

        const [timeout, timeoutExit] = yield* Testkit.timed(run(quick))
        const [deadline, deadlineExit] = yield* Testkit.timed(Deadline.within(100)(run(quick)))
        assert.deepStrictEqual([timeout, deadline], [500, 120])
        assert.match(reasonOf(timeoutExit), /^SourceUnavailable: .* no connection was made in time$/)
        assert.match(reasonOf(deadlineExit), /^SourceUnavailable: .* no connection was made before the deadline$/)

        const [elapsed] = yield* Testkit.timed(Cleanup.settled)
        assert.deepStrictEqual([elapsed, open(), pool.stats()], [380, 0, { used: 0, idle: 0, waiting: 0 }])
      })
    )

    it.scoped("can be interrupted, and goes on for the next one", () =>
      Effect.gen(function* () {
        const { connections, pool, run } = yield* setup({}, { opening: 1_000 })
        const fiber = yield* start(run(quick))

        const [elapsed] = yield* Testkit.timed(Fiber.interrupt(fiber))
        assert.deepStrictEqual([elapsed, pool.stats().used], [0, 1])
        yield* Testkit.timed(Cleanup.settled)
        assert.deepStrictEqual(pool.stats(), { used: 0, idle: 1, waiting: 0 })

        yield* Testkit.timed(run(quick))
        assert.lengthOf(connections, 1)
      })
    )

    it.scoped("that takes longer than any caller has comes about all the same", () =>
      Effect.gen(function* () {
        const { run } = yield* setup({}, { opening: 100 })
        const impatient = Testkit.timed(Deadline.within(10)(run(quick)))

        const exits = []
        for (let turn = 0; turn < 5; turn++) exits.push((yield* impatient)[1])

        assert.isTrue(Exit.isFailure(exits[0]!))
        assert.deepStrictEqual(exits.at(-1), Exit.succeed("quick"))
      })
    )

    it.scoped("fails as the server says, and works once the server does", () =>
      Effect.gen(function* () {
        const { behaviour, pool, run } = yield* setup()
        behaviour.refusal = Faults.rejected("wrong password")
        const [, refused] = yield* Testkit.timed(run(quick))
        behaviour.refusal = undefined
        const [, exit] = yield* Testkit.timed(run(quick))

        assert.strictEqual(reasonOf(refused), "SourceRejected: scripted at nowhere: wrong password")
        assert.deepStrictEqual([exit, pool.stats().used], [Exit.succeed("quick"), 0])
      })
    )
  })

  describe("when nobody wants the answer any more", () => {
    it.scoped("whoever asked is back at once; the connection when the server has stopped and the cancel is over", () =>
      Effect.gen(function* () {
        const { connections, pool, run, wrong } = yield* setup({ maxConnections: 1 }, { cancel: [5, 30] })
        const fiber = yield* start(run({ ...slow, dying: 10 }))
        const next = yield* start(run(quick))

        const [elapsed] = yield* Testkit.timed(Fiber.interrupt(fiber))
        assert.deepStrictEqual([elapsed, pool.stats().used], [0, 1])
        const [later] = yield* Testkit.timed(Fiber.join(next))

        // 5 to arrive, 30 until it is over; the query itself ended after 15.
        assert.strictEqual(later, 36)
        assert.deepStrictEqual(connections[0]!.asked, ["slow", "quick"])
        assert.deepStrictEqual(wrong, [])
      })
    )

    it.scoped("a query that ends by itself meanwhile waits for its cancel, so that it hits nobody else", () =>
      Effect.gen(function* () {
        const { connections, run } = yield* setup({ maxConnections: 1 }, { cancel: [50, 1] })
        const fiber = yield* start(run({ name: "nearly done", millis: 10 }))
        yield* TestClock.adjust(9)
        yield* Fiber.interrupt(fiber)

        const [elapsed, exit] = yield* Testkit.timed(run({ name: "innocent", millis: 100 }))

        assert.deepStrictEqual([elapsed, exit], [151, Exit.succeed("innocent")])
        assert.deepStrictEqual(connections[0]!.asked, ["nearly done", "innocent"])
      })
    )

    it.scoped("a cancel that was too early is sent again", () =>
      Effect.gen(function* () {
        const { connections, log, run } = yield* setup({ maxConnections: 1 })
        const fiber = yield* start(run({ ...slow, dying: Infinity }))
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust(20)
        Object.assign(connections[0]!.running!, { dying: 0 })

        const [elapsed] = yield* Testkit.timed(run(quick))

        assert.deepStrictEqual(log, ["cancel 0", "cancel 0"])
        // The first is over at 2, the second sent at 27: it arrives at 28, is over at 29.
        assert.strictEqual(20 + elapsed, 30)
      })
    )

    it.scoped("a connection that is not quiet within the grace is destroyed", () =>
      Effect.gen(function* () {
        const { connections, pool, run } = yield* setup({ maxConnections: 1, grace: 100 })
        const fiber = yield* start(run({ ...slow, dying: Infinity }))
        const next = yield* start(run(quick))

        const [back] = yield* Testkit.timed(Fiber.interrupt(fiber))
        const [elapsed] = yield* Testkit.timed(Fiber.join(next))

        assert.deepStrictEqual([back, elapsed], [0, 101])
        assert.deepStrictEqual(
          connections.map(({ state }) => state),
          ["closed", "open"]
        )
        assert.deepStrictEqual(pool.stats(), { used: 0, idle: 1, waiting: 0 })
      })
    )

    it.scoped("a connection whose cancel fails is destroyed: it could still arrive", () =>
      Effect.gen(function* () {
        const { connections, run } = yield* setup({ maxConnections: 1 }, { cancelFails: true })
        const fiber = yield* start(run(slow))
        yield* Fiber.interrupt(fiber)
        yield* Testkit.timed(run(quick))

        assert.deepStrictEqual(
          connections.map(({ asked, state }) => [state, ...asked]),
          [
            ["closed", "slow"],
            ["open", "quick"]
          ]
        )
      })
    )

    it.scoped("the owner of the caller's cleanup waits for the server", () =>
      Effect.gen(function* () {
        const { connections, run } = yield* setup({}, { cancel: [40, 10] })
        const fiber = yield* start(run(slow))
        yield* Fiber.interrupt(fiber)
        assert.isDefined(connections[0]!.running)

        const [elapsed] = yield* Testkit.timed(Cleanup.settled)

        assert.deepStrictEqual([elapsed, connections[0]!.running], [50, undefined])
      })
    )

    it.effect("the receipt says until when the server was busy", () =>
      Effect.gen(function* () {
        const { run } = yield* setup({}, { cancel: [40, 10] })
        const broken = Effect.delay(Effect.fail("no"), 100)
        const [elapsed, exit] = yield* Testkit.timed(
          Effect.flip(Aggregator.gather("page", { query: run(slow), broken }))
        )
        assert.strictEqual(elapsed, 100)
        assert(Exit.isSuccess(exit) && exit.value._tag === "SourceFailed")
        yield* Testkit.timed(Aggregator.settled)

        const [query] = exit.value.receipt.sources
        assert.strictEqual(query!.cleanup, "running")
      }).pipe(Effect.scoped, Effect.provide(Aggregator.layer()))
    )

    it.scoped("the deadline does the same as an interruption, a little later", () =>
      Effect.gen(function* () {
        const { connections, run } = yield* setup({ maxConnections: 1 })

        const [elapsed, exit] = yield* Testkit.timed(Deadline.within(100)(run(slow)))
        assert.strictEqual(elapsed, 120)
        assert.match(reasonOf(exit), /^SourceUnavailable: .* there was no answer before the deadline$/)

        yield* Testkit.timed(run(quick))
        assert.deepStrictEqual(connections[0]!.asked, ["slow", "quick"])
      })
    )
  })

  describe("where nothing can be interrupted, as in a finalizer,", () => {
    const finalizer = <A, E, R>(effect: Effect.Effect<A, E, R>) => Testkit.timed(Effect.uninterruptible(effect))

    it.scoped("one waits for a turn as elsewhere, and an interruption does not keep one from it", () =>
      Effect.gen(function* () {
        const { run, sent } = yield* setup({ maxConnections: 1 })
        yield* start(run({ name: "first", millis: 100 }))
        const fiber = yield* start(Effect.uninterruptible(run(quick)))
        fiber.unsafeInterruptAsFork(fiber.id())

        const [elapsed] = yield* Testkit.timed(Fiber.await(fiber))
        yield* start(run({ name: "second", millis: 100 }))
        const [late, exit] = yield* finalizer(Deadline.within(50)(run(slow)))

        assert.deepStrictEqual([elapsed, late, sent], [101, 70, ["first", "quick", "second"]])
        assert.match(reasonOf(exit), /came free before the deadline$/)
      })
    )

    it.scoped("connecting and asking end when they must", () =>
      Effect.gen(function* () {
        const { behaviour, run } = yield* setup({ connectTimeout: 500 }, { opening: Infinity })

        const [connecting, exit] = yield* finalizer(run(quick))
        behaviour.opening = 0
        const [late, lateExit] = yield* finalizer(Deadline.within(50)(run(slow)))

        assert.deepStrictEqual([connecting, late], [500, 70])
        assert.match(reasonOf(exit), /no connection was made in time$/)
        assert.match(reasonOf(lateExit), /there was no answer before the deadline$/)
      })
    )
  })

  describe("a connection that is held", () => {
    it.scoped("is asked one thing at a time, in order", () =>
      Effect.gen(function* () {
        const { ask, connections, pool, wrong } = yield* setup()
        const lease = yield* pool.take
        const all = ["a", "b", "c"].map((name) => ask(lease, { name, millis: 10 }))

        const [elapsed] = yield* Testkit.timed(Effect.all(all, { concurrency: "unbounded" }))

        assert.deepStrictEqual([elapsed, connections[0]!.asked, wrong], [30, ["a", "b", "c"], []])
      })
    )

    it.scoped("is asked again only when what was interrupted has stopped", () =>
      Effect.gen(function* () {
        const { ask, pool, wrong } = yield* setup({}, { cancel: [20, 5] })
        const lease = yield* pool.take
        const fiber = yield* start(ask(lease, slow))
        yield* Fiber.interrupt(fiber)

        const [elapsed, exit] = yield* Testkit.timed(ask(lease, quick))

        assert.deepStrictEqual([elapsed, exit, wrong], [26, Exit.succeed("quick"), []])
      })
    )

    it.scoped("fails when it was destroyed, and the next one gets another", () =>
      Effect.gen(function* () {
        const { ask, pool, run } = yield* setup({ grace: 50 })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const lease = yield* pool.take
            const fiber = yield* start(ask(lease, { ...slow, dying: Infinity }))
            yield* Fiber.interrupt(fiber)
            const [elapsed, exit] = yield* Testkit.timed(ask(lease, quick))
            assert.strictEqual(elapsed, 50)
            assert.match(reasonOf(exit), /^SourceUnavailable: .* the connection was lost$/)
          })
        )

        const [, exit] = yield* Testkit.timed(run(quick))
        assert.deepStrictEqual(exit, Exit.succeed("quick"))
      })
    )

    it.scoped("is tidied up before the next one has it, without anybody waiting", () =>
      Effect.gen(function* () {
        const { ask, connections, pool, run } = yield* setup({ maxConnections: 1 })
        const begin = Effect.scoped(Effect.flatMap(pool.take, (lease) => ask(lease, { name: "begin", millis: 1 })))

        const [left] = yield* Testkit.timed(begin)
        const [elapsed] = yield* Testkit.timed(run(quick))

        assert.deepStrictEqual([left, elapsed], [1, 2])
        assert.deepStrictEqual(connections[0]!.asked, ["begin", "rollback", "quick"])
      })
    )

    it.scoped("is destroyed when it cannot be tidied up", () =>
      Effect.gen(function* () {
        const { connections, exchange, pool, run } = yield* setup({ maxConnections: 1, grace: 50 })
        const tidy = (effect: Effect.Effect<unknown, unknown>) =>
          Effect.scoped(Effect.flatMap(pool.take, (lease) => lease.tidy(effect)))

        yield* tidy(Effect.fail("no"))
        yield* Testkit.timed(run(quick))
        yield* tidy(Effect.suspend(() => exchange(connections[1]!, slow)))
        const [elapsed] = yield* Testkit.timed(run(quick))

        assert.strictEqual(elapsed, 51)
        assert.deepStrictEqual(
          connections.map(({ state }) => state),
          ["closed", "closed", "open"]
        )
      })
    )

    it.scoped("is destroyed after a defect of its driver", () =>
      Effect.gen(function* () {
        const { connections, pool } = yield* setup()
        const exit = yield* Effect.exit(
          Effect.scoped(Effect.flatMap(pool.take, (lease) => lease.ask(Effect.die("bug"))))
        )

        assert.deepStrictEqual([exit, connections[0]!.state], [Exit.die("bug"), "closed"])
      })
    )
  })

  it.scoped("asks an idle connection for a sign of life, however the wall clock jumps meanwhile", () =>
    Effect.gen(function* () {
      const wall = { off: 0 }
      const clock = yield* Effect.map(Effect.clock, (clock) => ({
        ...clock,
        unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + wall.off,
        unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + wall.off),
        currentTimeNanos: clock.currentTimeNanos,
        sleep: clock.sleep.bind(clock)
      }))
      const server = Scripted.make()
      const checked: Array<number> = []
      const check = ({ id }: Scripted.Connection) => Effect.sync(() => void checked.push(id))
      const pool = yield* Pool.make({ ...server.driver, check }, { idleTimeout: "1 minute" })
      const use = Effect.withClock(Effect.scoped(Effect.zipRight(pool.take, Effect.void)), clock)

      yield* use
      wall.off = -3_600_000
      yield* TestClock.adjust(1_000)
      yield* use
      assert.deepStrictEqual(checked, [0])
      wall.off = 86_400_000
      yield* use
      assert.deepStrictEqual([checked, server.connections.length], [[0], 1])
    })
  )

  describe("closing it", () => {
    it.scoped("stops what runs, turns away who waits, and waits until nothing is open", () =>
      Effect.gen(function* () {
        const { close, connections, pool, run } = yield* setup({ maxConnections: 1 }, { cancel: [40, 10] })
        const running = yield* start(run(slow))
        const waiting = yield* start(run(quick))

        const [elapsed] = yield* Testkit.timed(close)

        assert.deepStrictEqual([elapsed, connections[0]!.state], [50, "closed"])
        for (const fiber of [running, waiting]) {
          const [, exit] = yield* Testkit.timed(Fiber.join(fiber))
          assert.strictEqual(reasonOf(exit), "SourceUnavailable: scripted at nowhere: the pool was closed")
        }
        const [, exit] = yield* Testkit.timed(run(quick))
        assert.strictEqual(reasonOf(exit), "SourceUnavailable: scripted at nowhere: the pool was closed")
        assert.deepStrictEqual(pool.stats(), { used: 0, idle: 0, waiting: 0 })
      })
    )

    it.scoped("turns away who waits for one that somebody holds, and fails who holds it", () =>
      Effect.gen(function* () {
        const { ask, close, pool, run } = yield* setup({ maxConnections: 1 })
        const lease = yield* pool.take
        const waiting = yield* start(run(quick))

        yield* Testkit.timed(close)

        const [elapsed, exit] = yield* Testkit.timed(Fiber.join(waiting))
        assert.strictEqual(elapsed, 0)
        assert.match(reasonOf(exit), /the pool was closed$/)
        assert.match(reasonOf(yield* Effect.exit(ask(lease, quick))), /the pool was closed$/)
      })
    )

    it.scoped("stops connections that are being made", () =>
      Effect.gen(function* () {
        const { close, connections, run } = yield* setup({}, { opening: Infinity })
        const wanted = yield* start(run(quick))
        const unwanted = yield* start(run(quick))
        yield* Fiber.interrupt(unwanted)

        yield* close

        assert.deepStrictEqual(
          connections.map(({ state }) => state),
          ["closed", "closed"]
        )
        assert.match(reasonOf(yield* Fiber.await(wanted)), /the pool was closed$/)
      })
    )

    it.scoped("waits for what is being cleaned up already", () =>
      Effect.gen(function* () {
        const { close, open, run } = yield* setup({}, { cancel: [40, 10] })
        const fiber = yield* start(run(slow))
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust(10)

        const [elapsed] = yield* Testkit.timed(close)

        assert.deepStrictEqual([elapsed, open()], [40, 0])
      })
    )

    it.scoped("is bounded by the grace, whatever the server does", () =>
      Effect.gen(function* () {
        const { behaviour, close, open, pool, run } = yield* setup({ grace: 100 }, { parting: Infinity })
        yield* Testkit.timed(Effect.all([run(quick), run(quick), run(quick)], { concurrency: 3 }))
        yield* start(run({ ...slow, dying: Infinity }))
        yield* start(Effect.scoped(Effect.zipRight(pool.take, Effect.never)))
        behaviour.opening = Infinity
        yield* start(Effect.all([run(slow), run(slow), run(slow)], { concurrency: 3 }))

        const [elapsed] = yield* Testkit.timed(close)

        assert.deepStrictEqual([elapsed, open()], [100, 0])
      })
    )

    it.scoped("takes leave of the connections that nobody uses, and does not wait for ever for that", () =>
      Effect.gen(function* () {
        const { close, log, run } = yield* setup({}, { parting: 5 })
        yield* Testkit.timed(run(quick))

        const [elapsed] = yield* Testkit.timed(close)

        assert.deepStrictEqual([elapsed, log], [5, ["close 0", "destroy 0"]])
        const silent = yield* setup({ grace: 100 }, { parting: Infinity })
        yield* Testkit.timed(silent.run(quick))
        const [bounded] = yield* Testkit.timed(silent.close)
        assert.deepStrictEqual([bounded, silent.open()], [100, 0])
      })
    )
  })

  it.effect("refuses wrong options by name", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<[Pool.PoolOptions, string]> = [
        [{ maxConnections: 0 }, "maxConnections"],
        [{ maxConnections: 1.5 }, "maxConnections"],
        [{ connectTimeout: -1 }, "connectTimeout"],
        [{ idleTimeout: NaN }, "idleTimeout"],
        [{ grace: -5 }, "grace"]
      ]
      for (const [options, option] of wrong) {
        const exit = yield* Effect.exit(Effect.scoped(Pool.make(Scripted.make().driver, options)))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert(defect instanceof InvalidOption)
        assert.deepStrictEqual([defect.where, defect.option], ["Pool.make", option])
      }
    })
  )

  // `npm run proof` plays more.
  it("nobody is hit by another's cancel, nobody waits for ever, and nothing is left, whatever happens", () => {
    Laws.hold(100)
  }, 30_000)
})
