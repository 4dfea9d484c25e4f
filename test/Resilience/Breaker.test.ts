import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, HashMap, HashSet, FiberRef, Logger, Stream } from "effect"
import * as fc from "fast-check"
import * as Deadline from "../../src/Deadline.ts"
import * as Gather from "../../src/Gather.ts"
import * as Breaker from "../../src/Resilience/Breaker.ts"
import { Circuit } from "../../src/Resilience/Breaker/Circuit.ts"
import * as Metrics from "../../src/Resilience/Metrics.ts"
import { isTransient, timeLimit } from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import { failureOf, guardsOf, inTurn, onMachine, refuses, rejected, unavailable, valueOf } from "./Calls.ts"

const { dies, fails, hangs, succeeds } = Testkit
const down = fails(unavailable())
const fine = succeeds("fine")

/** Asks through a breaker, and says how that ended in a word. */
const ask = (breaker: Breaker.Breaker, call: Effect.Effect<unknown, unknown> = fine) =>
  Effect.map(Effect.exit(Breaker.with(breaker)(call)), (exit) => {
    const error = failureOf(exit)
    return error instanceof Breaker.BreakerOpen ? "refused" : exit._tag === "Success" ? "fine" : "failed"
  })

const tripped = (options: Breaker.BreakerOptions = {}) =>
  Effect.gen(function* () {
    const breaker = Breaker.make({ openFor: 1_000, trip: Breaker.consecutive(1), ...options })
    yield* ask(breaker, down)
    assert.strictEqual(yield* breaker.state, "open")
    return breaker
  })

describe("Breaker", () => {
  onMachine(
    "lets calls through until too many in a row have failed, and then none",
    Effect.gen(function* () {
      const breaker = Breaker.make({ trip: Breaker.consecutive(3) })
      const turns = [down, down, fine, down, down]
      for (const turn of turns) yield* ask(breaker, turn)
      assert.strictEqual(yield* breaker.state, "closed")
      yield* ask(breaker, down)

      const call = inTurn(fine)
      assert.strictEqual(yield* ask(breaker, call), "refused")
      assert.deepStrictEqual([yield* breaker.state, call.asked], ["open", []])
    })
  )

  onMachine(
    "opens on a share of failures within a window, but not on few calls",
    Effect.gen(function* () {
      const trip = Breaker.rate({ threshold: 0.5, window: "10 seconds", minimum: 4 })
      const few = Breaker.make({ trip })
      for (let n = 0; n < 3; n++) yield* ask(few, down)
      assert.strictEqual(yield* few.state, "closed")
      yield* Effect.sleep("10 seconds")
      for (let n = 0; n < 3; n++) yield* ask(few, down)
      assert.strictEqual(yield* few.state, "closed")

      const half = Breaker.make({ trip })
      for (const turn of [fine, fine, fine, down, down]) yield* ask(half, turn)
      assert.strictEqual(yield* half.state, "closed")
      yield* ask(half, down)
      assert.strictEqual(yield* half.state, "open")
    })
  )

  onMachine(
    "after a while lets one probe through, and closes when it succeeds",
    Effect.gen(function* () {
      const breaker = yield* tripped()
      yield* Effect.sleep(999)
      assert.strictEqual(yield* ask(breaker), "refused")
      yield* Effect.sleep(1)
      const probe = yield* Effect.fork(ask(breaker, succeeds("fine", { after: 100 })))
      yield* Effect.sleep(50)
      assert.deepStrictEqual([yield* breaker.state, yield* ask(breaker)], ["half-open", "refused"])
      yield* Fiber.join(probe)

      assert.deepStrictEqual([yield* breaker.state, yield* ask(breaker)], ["closed", "fine"])
    })
  )

  onMachine(
    "opens again when a probe fails, for as long as before",
    Effect.gen(function* () {
      const breaker = yield* tripped()
      yield* Effect.sleep(1_000)
      assert.strictEqual(yield* ask(breaker, down), "failed")
      assert.strictEqual(yield* breaker.state, "open")
      yield* Effect.sleep(999)
      assert.strictEqual(yield* ask(breaker), "refused")
      yield* Effect.sleep(1)

      assert.strictEqual(yield* ask(breaker), "fine")
    })
  )

  onMachine(
    "needs as many probes to succeed as it lets through, and closes with the last",
    Effect.gen(function* () {
      const breaker = yield* tripped({ probes: 3 })
      yield* Effect.sleep(1_000)
      const first = yield* Effect.fork(ask(breaker, succeeds("fine", { after: 10 })))
      const others = yield* Effect.fork(
        Effect.all(
          [1, 2, 3].map(() => ask(breaker, succeeds("fine", { after: 20 }))),
          { concurrency: "unbounded" }
        )
      )
      yield* Fiber.join(first)
      assert.deepStrictEqual([yield* breaker.state, yield* ask(breaker)], ["half-open", "refused"])

      assert.deepStrictEqual(yield* Fiber.join(others), ["fine", "fine", "refused"])
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )

  onMachine(
    "a probe that is interrupted gives its place back",
    Effect.gen(function* () {
      const breaker = yield* tripped()
      yield* Effect.sleep(1_000)
      const probe = yield* Effect.fork(ask(breaker, hangs()))
      yield* Effect.sleep(10)
      assert.strictEqual(yield* ask(breaker), "refused")
      yield* Fiber.interrupt(probe)

      assert.deepStrictEqual([yield* breaker.state, yield* ask(breaker)], ["half-open", "fine"])
    })
  )

  onMachine(
    "a probe that hangs loses its place after the time for which it is open",
    Effect.gen(function* () {
      const breaker = yield* tripped()
      yield* Effect.sleep(1_000)
      const hung = yield* Effect.fork(ask(breaker, succeeds("late", { after: 1_050 })))
      yield* Effect.sleep(999)
      assert.strictEqual(yield* ask(breaker), "refused")
      yield* Effect.sleep(1)
      const next = yield* Effect.fork(ask(breaker, fails(unavailable(), { after: 100 })))
      yield* Fiber.join(hung)
      assert.deepStrictEqual([yield* breaker.state, yield* ask(breaker)], ["half-open", "refused"])

      yield* Fiber.join(next)
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  onMachine(
    "a call that began before a change says nothing after it",
    Effect.gen(function* () {
      const breaker = Breaker.make({ trip: Breaker.consecutive(1), openFor: 100 })
      const old = [down, fine, down].map((end, n) => ask(breaker, Effect.delay(end, 150 + n)))
      const fibers = yield* Effect.forEach(old, Effect.fork)
      yield* Effect.sleep(0)
      yield* ask(breaker, down)
      yield* Effect.sleep(120)
      const probe = yield* Effect.fork(ask(breaker, Effect.delay(fine, 100)))
      yield* Fiber.joinAll(fibers)

      assert.strictEqual(yield* breaker.state, "half-open")
      yield* Fiber.join(probe)
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )

  onMachine(
    "an interruption never counts, nor does what another guard refuses; an answer that says no is an answer",
    Effect.gen(function* () {
      const breaker = Breaker.make({ trip: Breaker.consecutive(2) })
      const open = yield* tripped()
      const late = new Deadline.DeadlineExceeded({ deadline: 1, pending: [] })
      yield* ask(breaker, down)
      for (const call of [Effect.interrupt, Breaker.with(open)(fine), fails(late)]) yield* ask(breaker, call)
      yield* Effect.timeoutOption(ask(breaker, hangs()), 10)
      assert.strictEqual(yield* breaker.state, "closed")
      yield* ask(breaker, fails(rejected))
      yield* ask(breaker, down)
      assert.strictEqual(yield* breaker.state, "closed")

      yield* ask(breaker, dies("bug"))
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  onMachine(
    "what an error says can be told otherwise",
    Effect.gen(function* () {
      const breaker = Breaker.make({
        trip: Breaker.consecutive(1),
        classify: (error) => (error === "bad" ? "failed" : "ignored")
      })
      yield* ask(breaker, down)
      assert.strictEqual(yield* breaker.state, "closed")
      yield* ask(breaker, fails("bad"))
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  onMachine(
    "a slow call counts when asked, also one that is interrupted after it was slow",
    Effect.gen(function* () {
      const breaker = Breaker.make({ trip: Breaker.consecutive(2), slowAfter: 100 })
      yield* ask(breaker, succeeds("slow", { after: 101 }))
      yield* ask(breaker, succeeds("in time", { after: 100 }))
      yield* ask(breaker, succeeds("slow", { after: 101 }))
      yield* Effect.timeoutOption(ask(breaker, hangs()), 99)
      assert.strictEqual(yield* breaker.state, "closed")

      yield* Effect.timeoutOption(ask(breaker, hangs()), 101)
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  onMachine(
    "a source that hangs until its time limit opens it",
    Effect.gen(function* () {
      const breaker = Breaker.make({ trip: Breaker.consecutive(2) })
      for (let n = 0; n < 2; n++) yield* ask(breaker, timeLimit(hangs(), 100))

      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  onMachine(
    "says what it is, and when to ask again: that is transient",
    Effect.gen(function* () {
      const breaker = yield* tripped({ name: "orders" })
      yield* Effect.sleep(250)
      const outcome = yield* Gather.collect({ "orders of 42": Breaker.with(breaker)(fine) })
      assert(outcome["orders of 42"]._tag === "Failed" && outcome["orders of 42"].error._tag === "BreakerOpen")
      const { error } = outcome["orders of 42"]

      assert.deepInclude(error, { source: "orders of 42", breaker: "orders", retryAfter: 750, reason: "1 call failed" })
      assert.strictEqual(
        error.message,
        `The breaker "orders" is open: 1 call failed (last: Source "orders" is unavailable: down); it may let a call through in 750ms`
      )
      assert.isTrue(isTransient(error))
      assert.deepInclude(error.cause, { _tag: "SourceUnavailable", reason: "down" })
    })
  )

  onMachine(
    "says what the call that opened it failed with, its status too, until it closes",
    Effect.gen(function* () {
      const breaker = Breaker.make({ name: "orders", trip: Breaker.consecutive(2), openFor: 100, slowAfter: 50 })
      const refusal = Effect.flatMap(Effect.flip(Breaker.with(breaker)(Effect.as(fine, 1))), (error) =>
        error._tag === "BreakerOpen" ? Effect.succeed(error) : Effect.dieMessage("not refused")
      )
      const answered = Object.assign(new Error("GET http://orders/ answered 503"), { status: 503 })
      yield* ask(breaker, fails(new Error("the first of two")))
      yield* ask(breaker, Effect.fail(answered))
      assert.deepInclude(yield* refusal, { lastFailure: answered.message, status: 503, cause: answered })

      yield* Effect.sleep(100)
      yield* ask(breaker, dies("a bug"))
      assert.deepInclude(yield* refusal, { lastFailure: "a bug", status: undefined, cause: "a bug" })

      yield* Effect.sleep(100)
      yield* ask(breaker, succeeds("slow", { after: 51 }))
      assert.deepInclude(yield* refusal, { lastFailure: "it took longer than 50ms", status: undefined })
      assert.isFalse("cause" in (yield* refusal))
    })
  )

  onMachine(
    "none lets every call through",
    Effect.gen(function* () {
      for (let n = 0; n < 50; n++) yield* ask(Breaker.none, down)

      assert.deepStrictEqual([yield* Breaker.none.state, yield* ask(Breaker.none)], ["closed", "fine"])
      assert.strictEqual(yield* Breaker.gate(Breaker.none)(fine), "fine")
    })
  )
})

describe("the gate of a breaker", () => {
  onMachine(
    "refuses while it is open, and takes no place of a probe",
    Effect.gen(function* () {
      const breaker = yield* tripped()
      const through = Effect.map(Effect.exit(Breaker.gate(breaker)(fine)), Exit.isSuccess)
      assert.isFalse(yield* through)
      yield* Effect.sleep(1_000)

      assert.deepStrictEqual([yield* through, yield* through, yield* breaker.state], [true, true, "open"])
      yield* Effect.fork(ask(breaker, hangs()))
      yield* Effect.sleep(0)
      assert.isFalse(yield* through)
    })
  )
})

describe("keyed breakers", () => {
  onMachine(
    "open each by itself",
    Effect.gen(function* () {
      const hosts = Breaker.keyed({ name: "hosts", trip: Breaker.consecutive(1) })
      yield* ask(hosts.of("a"), down)

      assert.deepStrictEqual([yield* ask(hosts.of("a")), yield* ask(hosts.of("b"))], ["refused", "fine"])
      const error = yield* Effect.flip(Breaker.with(hosts.of("a"))(fine))
      assert.match(error.message, /^The breaker "hosts" of "a" is open/)
    })
  )

  onMachine(
    "of more than maxKeys those are forgotten first that were not asked for the longest, open ones last",
    Effect.gen(function* () {
      const hosts = Breaker.keyed({ name: "few", trip: Breaker.consecutive(1), maxKeys: 3 })
      yield* ask(hosts.of("open"), down)
      const [a, b] = [hosts.of("a"), hosts.of("b")]
      assert.strictEqual(hosts.of("a"), a)
      hosts.of("c")

      assert.strictEqual(yield* ask(hosts.of("open")), "refused")
      assert.notStrictEqual(hosts.of("b"), b)
      assert.notStrictEqual(hosts.of("a"), a)
      assert.strictEqual(yield* valueOf(Metrics.breakersOpen, { breaker: "few" }), 1)
      yield* ask(a, down)
      assert.strictEqual(yield* valueOf(Metrics.breakersOpen, { breaker: "few" }), 1)

      for (const key of ["d", "e", "f"]) yield* ask(hosts.of(key), down)
      assert.strictEqual(yield* ask(hosts.of("open")), "fine")
      const states = ["closed", "open"].map((state) => valueOf(Metrics.breakers, { breaker: "few", state }))
      assert.deepStrictEqual(yield* Effect.all(states), [1, 2])
    })
  )
})

describe("what a breaker leaves", () => {
  const lifeOf = (breaker: Breaker.Breaker) =>
    Effect.gen(function* () {
      yield* ask(breaker, down)
      yield* Effect.sleep(1_000)
      yield* ask(breaker, down)
      yield* Effect.sleep(1_000)
      yield* ask(breaker)
    })

  onMachine(
    "each change is an element of its stream, with its time and reason",
    Effect.gen(function* () {
      const breakers = Breaker.keyed({ name: "streamed", trip: Breaker.consecutive(1), openFor: 1_000 })
      const all = yield* Effect.fork(Stream.runCollect(Stream.take(breakers.transitions, 5)))
      const some = yield* Effect.fork(Stream.runCollect(Stream.take(breakers.of("a").transitions, 1)))
      yield* Effect.sleep(0)
      yield* lifeOf(breakers.of("a"))

      const told = Chunk.toReadonlyArray(yield* Fiber.join(all))
      assert.deepStrictEqual(
        told.map(({ at, from, reason, to }) => [at, from, to, reason]),
        [
          [0, "closed", "open", "1 call failed"],
          [1_000, "open", "half-open", "it was open for long enough"],
          [1_000, "half-open", "open", "a probe failed"],
          [2_000, "open", "half-open", "it was open for long enough"],
          [2_000, "half-open", "closed", "a probe succeeded"]
        ]
      )
      assert.isTrue(told.every(({ breaker, key }) => breaker === "streamed" && key === "a"))
      assert.strictEqual(Chunk.size(yield* Fiber.join(some)), 1)
    })
  )

  onMachine(
    "each change is a line in the log, a warning when it opens",
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ annotations, logLevel, message }) => {
        lines.push(`${logLevel.label} ${String(message)} [${HashMap.unsafeGet(annotations, "to")}]`)
      })
      yield* Effect.locally(
        lifeOf(Breaker.make({ name: "logged", trip: Breaker.consecutive(1), openFor: 1_000 })),
        FiberRef.currentLoggers,
        HashSet.make(logger)
      )

      assert.deepStrictEqual(lines, [
        `WARN The breaker "logged" is open: 1 call failed (last: Source "orders" is unavailable: down) [open]`,
        `INFO The breaker "logged" is half-open: it was open for long enough [half-open]`,
        `WARN The breaker "logged" is open: a probe failed (last: Source "orders" is unavailable: down) [open]`,
        `INFO The breaker "logged" is half-open: it was open for long enough [half-open]`,
        `INFO The breaker "logged" is closed: a probe succeeded [closed]`
      ])
    })
  )

  onMachine(
    "is counted: its changes, its refusals, whether it is closed, and in which state it is",
    Effect.gen(function* () {
      const breaker = Breaker.make({ name: "counted", trip: Breaker.consecutive(1), openFor: 1_000 })
      const states = Effect.all(
        ["closed", "open", "half-open"].map((state) => valueOf(Metrics.breakers, { breaker: "counted", state }))
      )
      assert.deepStrictEqual(yield* states, [1, undefined, undefined])
      yield* ask(breaker, down)
      yield* ask(breaker)
      assert.deepStrictEqual(yield* states, [0, 1, undefined])
      assert.strictEqual(yield* valueOf(Metrics.breakersOpen, { breaker: "counted" }), 1)
      assert.strictEqual(yield* valueOf(Metrics.refusals, { source: "counted", by: "breaker" }), 1)
      yield* Effect.sleep(1_000)
      yield* ask(breaker)

      assert.deepStrictEqual(yield* states, [1, 0, 0])
      assert.strictEqual(yield* valueOf(Metrics.breakersOpen, { breaker: "counted" }), 0)
      assert.strictEqual(yield* valueOf(Metrics.breakerTransitions, { breaker: "counted", to: "closed" }), 1)
    })
  )

  onMachine(
    "a refusal stands in the receipt",
    Effect.gen(function* () {
      const breaker = yield* tripped()
      const guards = yield* guardsOf(Breaker.with(breaker)(fine))

      assert.deepInclude(guards, { calls: 0, refused: "breaker" })
    })
  )
})

describe("the circuit of a breaker, whatever happens", () => {
  it("lets no more probes through than it should, none while it is open, and always some time later", () => {
    const event = fc.oneof(
      fc.record({ do: fc.constant("call" as const) }),
      fc.record({ do: fc.constantFrom("succeeded" as const, "failed" as const, "ignored" as const), which: fc.nat() }),
      fc.record({ do: fc.constant("wait" as const), millis: fc.integer({ min: 1, max: 150 }) })
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(Breaker.consecutive(2), Breaker.rate({ minimum: 3, window: 300 })),
        fc.array(event, { maxLength: 100 }),
        (probes, trip, events) => {
          const circuit = new Circuit({ trip, openFor: 100, probes })
          const running: Array<{ readonly era: number; readonly began: number }> = []
          let now = 0
          let opened = 0
          for (const event of events) {
            const before = circuit.state
            if (event.do === "wait") now += event.millis
            else if (event.do === "call") {
              const wait = circuit.refusesFor(now)
              const era = circuit.admit(now)
              assert.strictEqual(era === undefined, wait > 0)
              assert.isAtMost(wait, 100)
              if (era !== undefined) running.push({ era, began: now })
              if (before === "open") assert.strictEqual(era !== undefined, now >= opened + 100)
            } else if (running.length > 0) {
              const [ended] = running.splice(event.which % running.length, 1)
              circuit.settle(ended!.era, event.do, now, () => ({ message: "down", cause: undefined }))
              if (event.do === "ignored") assert.strictEqual(circuit.state, before)
            }
            for (const change of circuit.changes.splice(0)) if (change.to === "open") opened = now
            if (circuit.state === "half-open") {
              const newest = Math.max(...running.map(({ era }) => era))
              const probing = running.filter(({ began, era }) => era === newest && began > now - 100)
              assert.isAtMost(probing.length, probes)
            }
          }
          assert.isDefined(circuit.admit(now + 100))
        }
      ),
      { numRuns: 500 }
    )
  })
})

it("a breaker with an option that cannot be meant is refused by its name", () => {
  refuses({
    "Breaker.make openFor": () => Breaker.make({ openFor: 0 }),
    "Breaker.make openFor #2": () => Breaker.make({ openFor: Infinity }),
    "Breaker.make probes": () => Breaker.make({ probes: 0 }),
    "Breaker.make slowAfter": () => Breaker.make({ slowAfter: -1 }),
    "Breaker.keyed maxKeys": () => Breaker.keyed({ maxKeys: NaN }),
    "Breaker.keyed openFor": () => Breaker.keyed({ openFor: NaN }),
    "Breaker.consecutive failures": () => Breaker.consecutive(0),
    "Breaker.rate threshold": () => Breaker.rate({ threshold: 0 }),
    "Breaker.rate threshold #2": () => Breaker.rate({ threshold: 50 }),
    "Breaker.rate minimum": () => Breaker.rate({ minimum: 1.5 }),
    "Breaker.rate window": () => Breaker.rate({ window: 0 })
  })
})
