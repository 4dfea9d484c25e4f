/** Programs that each break one promise, in a way that is easily overlooked: the explorer has to catch every one. */
import { Deferred, Effect, type Exit, Fiber, Stream } from "effect"
import { EventEmitter } from "node:events"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Gather from "../../src/Gather.ts"
import * as Outcome from "../../src/Outcome.ts"
import * as Permits from "../../src/Permits.ts"
import type { Receipt, SourceReceipt } from "../../src/Receipt.ts"
import { Started } from "../../src/Receipt/Recorder.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Invariants from "../../src/Testkit/Invariants.ts"
import type { Sources } from "../../src/Testkit/Schedule.ts"

const behaviours = (name: string) => ({
  ends: [{ succeed: `${name} value` }, { fail: `${name} failed` }, "hang"] as const,
  after: [0, 10, 30],
  cleanup: [0, 50]
})
export const sources = { a: behaviours("a"), b: behaviours("b") }
export type Two = Sources<typeof sources>

export interface Mutant {
  readonly program: (two: Two) => Effect.Effect<unknown, unknown>
  readonly sources?: Readonly<Record<string, Testkit.Behaviours>>
  readonly rules?: Testkit.Rules
  readonly unchanged?: Readonly<Record<string, () => unknown>>
  /** Which invariant has to catch it, and what it has to say. */
  readonly broken: string
  readonly detail: RegExp
}

export const theModel = "the answer is one that the model allows"
export const staysAsItWas = "what must stay as it was has not changed"

/** Both give a value, at these instants. */
const values = (a: number, b: number) => ({
  a: { ends: [{ succeed: "a value" }], after: [a] },
  b: { ends: [{ succeed: "b value" }], after: [b] }
})
const hangs = { ends: ["hang"] as const }

/** Real milliseconds, until the signal says stop. */
const realTime = (millis: number) =>
  Effect.async<void>((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis)
    return Effect.sync(() => clearTimeout(timer))
  })

/** The program, with receipts that say something else than what happened. */
const lying = <A, E>(program: Effect.Effect<A, E>, change: (receipt: Receipt) => Partial<Receipt>) =>
  Effect.flatMap(Started, (started) =>
    Effect.provideService(program, Started, (recorder) =>
      started(
        Object.assign(Object.create(recorder) as typeof recorder, {
          receipt: () => ({ ...recorder.receipt(), ...change(recorder.receipt()) })
        })
      )
    )
  )
const eachSource = (receipt: Receipt, change: (source: SourceReceipt) => Partial<SourceReceipt>) => ({
  sources: receipt.sources.map((source) => ({ ...source, ...change(source) }))
})

export const mutants = (): Readonly<Record<string, Mutant>> => {
  const permits = Permits.make(1)
  const emitter = new EventEmitter()
  let answered: Exit.Exit<unknown, unknown> | undefined
  return {
    "never returns": {
      program: () => Effect.never,
      broken: Invariants.itReturns.name,
      detail: /no source hangs, and it never returned\. It waits for Effect\.never/
    },
    "waits for a Deferred that nothing completes": {
      program: () => Effect.flatMap(Deferred.make<void>(), Deferred.await),
      broken: Invariants.itReturns.name,
      detail: /It waits for something that nothing completes: a Deferred/
    },
    "waits for a real promise that nothing resolves": {
      program: () => Effect.promise(() => new Promise(() => {})),
      broken: Invariants.itReturns.name,
      detail: /It waits for a real promise, made at \S*Mutants\.ts:\d+:\d+\. .*use Effect\.sleep/
    },
    "waits for a real timer before it asks": {
      program: (two) => Effect.zipRight(realTime(60_000), Gather.failFast(two)),
      sources: { a: hangs, b: hangs },
      broken: Invariants.itReturns.name,
      detail: /It waits for a real timer, made at \S*Mutants\.ts:\d+:\d+\. .*use Effect\.sleep/
    },
    "never comes to rest": {
      program: () => Effect.forever(Effect.yieldNow()),
      sources: { a: { ends: [{ succeed: 1 }], after: [0] } },
      broken: Invariants.itReturns.name,
      detail: /after 1000000 steps it was still busy/
    },
    "lets virtual time pass while a real timer runs, so that it always answers at the deadline": {
      program: ({ a, b }) => Gather.failFast({ a: Effect.zipRight(realTime(60_000), a), b }, { deadline: 20 }),
      broken: Invariants.onlyVirtualTimePasses.name,
      detail: /there was a real timer, made at \S*Mutants\.ts:\d+:\d+/
    },
    "leaves a real timer": {
      program: (two) =>
        Effect.ensuring(
          Gather.collect(two, { deadline: 20 }),
          Effect.sync(() => void setTimeout(() => {}, 10_000))
        ),
      broken: Invariants.onlyVirtualTimePasses.name,
      detail: /there was a real timer, made at/
    },
    "leaks a fiber": {
      program: ({ a, b }) =>
        Effect.gen(function* () {
          const first = yield* Effect.forkDaemon(a)
          const second = yield* Effect.forkDaemon(b)
          return { a: yield* Fiber.join(first), b: yield* Fiber.join(second) }
        }),
      broken: Invariants.nothingIsAlive.name,
      detail: /1 fiber is alive/
    },
    "leaks a timer": {
      program: (two) =>
        Effect.zipRight(Effect.forkDaemon(Effect.sleep("1 hour")), Gather.collect(two, { deadline: 20 })),
      broken: Invariants.nothingIsAlive.name,
      detail: /a fiber or timer went on until 3600000, all else had ended at 0/
    },
    "loses sight of a source": {
      program: ({ a, b }) =>
        Effect.zipRight(
          Effect.sync(() => void Effect.runFork(a)),
          b
        ),
      sources: { a: hangs, b: { ends: [{ succeed: 1 }] } },
      broken: Invariants.everySourceIsStopped.name,
      detail: /"a" still runs/
    },
    "forgets to cancel": {
      program: ({ a, b }) => Effect.zipRight(Effect.forkDaemon(a), b),
      sources: values(30, 10),
      broken: Invariants.losersAreStopped.name,
      detail: /"a" went on until 30, the answer had left at 10/
    },
    "does not await cleanup": {
      program: (two) => lying(Gather.collect(two, { deadline: 20 }), () => ({ settled: null })),
      broken: Invariants.receiptsAreSettled.name,
      detail: /the receipt of "gather" is not/
    },
    "takes the interruption for the end of cleanup": {
      program: (two) =>
        lying(Gather.collect(two, { deadline: 20 }), (receipt) => eachSource(receipt, ({ end }) => ({ cleaned: end }))),
      sources: { a: { ...hangs, cleanup: [50] }, b: hangs },
      broken: Invariants.receiptsAgree.name,
      detail: /"a" is timed-out and at rest at 20, but it was at rest at 70/
    },
    "returns late": {
      program: (two) => lying(Gather.collect(two, { deadline: 20 }), () => ({ elapsed: 21 })),
      broken: Invariants.deadlinesHold.name,
      detail: /"gather" answered at 21, its deadline was 20/
    },
    "loses a result": {
      program: (two) =>
        lying(Gather.collect(two, { deadline: 20 }), (receipt) =>
          eachSource(receipt, ({ end }) => ({ outcome: "cancelled", cleaned: end }))
        ),
      sources: { a: { ends: [{ succeed: "a value" }], after: [10] }, b: hangs },
      broken: Invariants.whatFinishedIsKept.name,
      detail: /"a" ended at 10, and is cancelled/
    },
    "reports the second failure as the first": {
      program: (two) =>
        lying(Gather.collect(two), (receipt) => ({
          ...eachSource(receipt, () => ({ required: true })),
          outcome: "failed",
          firstCause: { ...receipt.firstCause!, source: "b" }
        })),
      sources: {
        a: { ends: [{ fail: "a failed" }], after: [10] },
        b: { ends: [{ fail: "b failed" }], after: [30] }
      },
      broken: Invariants.firstFailureIsReported.name,
      detail: /"a" failed at 10, reported is "b" at 30/
    },
    "names no victim": {
      program: (two) => lying(Gather.failFast(two), () => ({ victims: [] })),
      broken: Invariants.victimsAreNamed.name,
      detail: /the victims are \[\], and should be \["?[ab]"?\]/
    },
    "calls the winner a victim": {
      program: (two) => lying(Gather.first(two), () => ({ victims: ["a"] })),
      sources: values(10, 30),
      broken: Invariants.victimsAreNamed.name,
      detail: /the victims are \[a\], and should be \[\]/
    },
    "puts the wrong source on the critical path": {
      program: (two) => lying(Gather.failFast(two), () => ({ criticalPath: ["a"] })),
      sources: values(10, 30),
      broken: Invariants.criticalPathLeadsToTheAnswer.name,
      detail: /it leads to "a" at 10, but the last to end did at 30/
    },
    "puts a source on the critical path that another did not wait for": {
      program: (two) => lying(Gather.failFast(two), () => ({ criticalPath: ["a", "b"] })),
      sources: values(10, 30),
      broken: Invariants.criticalPathLeadsToTheAnswer.name,
      detail: /"b" was asked before "a" ended/
    },
    "ends the critical path with another source than the first cause": {
      program: (two) => lying(Gather.failFast(two), () => ({ criticalPath: ["a"] })),
      sources: { a: { ends: [{ succeed: 1 }], after: [0] }, b: { ends: [{ fail: "b failed" }], after: [10] } },
      broken: Invariants.criticalPathLeadsToTheAnswer.name,
      detail: /it leads to "a", but the first cause is "b"/
    },
    "waits for cleanup": {
      program: (two) => Effect.all(two, { concurrency: "unbounded" }),
      rules: { policy: "failFast" },
      broken: theModel,
      detail: /it was \{ at: 50, told: \{ tag: "failed", error: "b failed" \} \}, and could be \{ at: 0,/
    },
    "waits for cleanup at the deadline": {
      program: (two) => Effect.ensuring(Gather.failFast(two, { deadline: 20 }), Cleanup.settled),
      rules: { policy: "failFast", deadline: 20 },
      sources: { a: { ...hangs, cleanup: [0, 50] }, b: hangs },
      broken: theModel,
      detail: /it was \{ at: 70,.*and could be \{ at: 20,/
    },
    "is defeated by a per-source Effect.timeout": {
      program: ({ a, b }) => Effect.all({ a: Effect.timeout(a, 100), b: Effect.timeout(b, 100) }, { concurrency: 2 }),
      rules: { policy: "failFast" },
      sources: { a: hangs, b: { ends: [{ fail: "b failed" }], after: [10] } },
      broken: theModel,
      detail: /it was \{ at: 100,.*"b failed".*and could be \{ at: 10,/
    },
    "drops partials at the deadline": {
      program: (two) =>
        Effect.map(Gather.collect(two, { deadline: 20 }), ({ a, b }) =>
          a._tag === "TimedOut" || b._tag === "TimedOut" ? { a: Outcome.Cancelled(), b: Outcome.Cancelled() } : { a, b }
        ),
      rules: { policy: "collect", deadline: 20 },
      broken: theModel,
      detail: /it was .*\["a", "cancelled"\],.* and could be .*"succeeded"/
    },
    "leaves a value out of its answer": {
      program: (two) => Effect.map(Gather.failFast(two), ({ a }) => ({ a })),
      rules: { policy: "failFast" },
      broken: theModel,
      detail: /it was .*\{ a: "a value" \}.*and could be .*\{ a: "a value", b: "b value" \}/
    },
    "answers with the last failure": {
      program: (two) => Effect.mapError(Gather.failFast(two), () => "b failed"),
      rules: { policy: "failFast" },
      broken: theModel,
      detail: /it was .*"b failed".* and could be .*"a failed"/
    },
    "ignores the deadline": {
      program: (two) => Gather.failFast(two),
      rules: { policy: "failFast", deadline: 20 },
      broken: theModel,
      detail: /it was .*"never".* and could be \{ at: 20,.*"deadline"/
    },
    "takes the first to end for the first to succeed": {
      program: ({ a, b }) => Effect.raceFirst(a, b),
      rules: { policy: "first" },
      broken: theModel,
      detail: /it was .*"a failed".* and could be .*"b value"/
    },
    "takes one success too few for a quorum": {
      program: (two) => Gather.quorum(two, 1),
      rules: { policy: "quorum", k: 2 },
      broken: theModel,
      detail: /it was .*values: \{ a: "a value" \} \} \}, and could be .*values: \{ a: "a value", b: "b value" \}/
    },
    "orders its answer by arrival": {
      program: (two) =>
        Effect.map(Stream.runCollect(Gather.stream(two)), (arrivals) => Object.fromEntries<unknown>(arrivals)),
      rules: { policy: "collect" },
      broken: theModel,
      detail: /it was .*\[\["b", "succeeded"\], \["a", "succeeded"\]\].*could be .*\[\["a", "succeeded"\], \["b"/
    },
    "answers with the answer of another schedule": {
      program: (two) =>
        Effect.suspend(
          () => answered ?? Effect.onExit(Gather.failFast(two), (exit) => Effect.sync(() => (answered = exit)))
        ),
      rules: { policy: "failFast" },
      broken: theModel,
      detail: /it was \{ at: 0, .*and could be \{ at: /
    },
    "leaks a permit": {
      program: (two) =>
        Effect.zipRight(
          Effect.sync(() => permits.tryTake()),
          Effect.zipLeft(
            Gather.failFast(two, { deadline: 20 }),
            Effect.sync(() => permits.release())
          )
        ),
      unchanged: { "the number of free permits": () => permits.free() },
      broken: staysAsItWas,
      detail: /the number of free permits was [01], and is [01]/
    },
    "leaks a listener": {
      program: (two) =>
        Effect.zipRight(
          Effect.sync(() => void emitter.once("stop", () => {})),
          Gather.failFast(two, { deadline: 20 })
        ),
      unchanged: { listeners: () => emitter.listenerCount("stop") },
      broken: staysAsItWas,
      detail: /listeners was \d+, and is \d+/
    }
  }
}
