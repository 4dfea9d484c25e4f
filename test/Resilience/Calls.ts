/** What the tests of guards have in common: calls that answer differently each time, and what can be seen of them. */
import { assert, it } from "@effect/vitest"
import { Cause, Clock, Effect, type Exit, FiberRef, HashSet, Metric, Option } from "effect"
import * as Gather from "../../src/Gather.ts"
import { InvalidOption } from "../../src/Options.ts"
import type { Guards } from "../../src/Receipt.ts"
import { Started } from "../../src/Receipt/Recorder.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import * as Recorder from "../../src/Receipt/Recorder.ts"
import { SourceRejected, SourceUnavailable } from "../../src/Source.ts"

/**
 * A test in virtual time, on the explorer's own clock: `TestClock` takes real milliseconds for each step, and these tests
 * take many.
 */
export const onMachine = (title: string, program: Effect.Effect<void, unknown>) =>
  it(title, () => {
    const { exit } = Machine.run(Effect.locally(program, FiberRef.currentLoggers, HashSet.empty()))
    if (Option.isNone(exit)) assert.fail("it waits for something that no passing of time will bring")
    if (exit.value._tag === "Failure") throw Cause.squash(exit.value.cause)
  })

/** How long an effect takes, and how it ends. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(effect)
    const elapsed = (yield* Clock.currentTimeMillis) - start
    // What was told to stop in this instant does.
    yield* Effect.sleep(0)
    return [elapsed, exit] as const
  })

export const unavailable = (retryAfter?: number) =>
  new SourceUnavailable({ source: "orders", reason: "down", ...(retryAfter === undefined ? {} : { retryAfter }) })

export const rejected = new SourceRejected({ source: "orders", reason: "no such order", status: 404 })

/** A call that does the first of these when it is made first, and so on; from the last on always that. */
export const inTurn = <A, E>(...turns: ReadonlyArray<Effect.Effect<A, E>>) => {
  const asked: Array<number> = []
  const effect = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    asked.push(now)
    return turns[Math.min(asked.length, turns.length) - 1]!
  })
  return Object.assign(effect, { asked })
}

/** What the receipt of a gather says that the guards of its one source did. */
export const guardsOf = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options?: Gather.Options
): Effect.Effect<Guards | undefined, never, R> =>
  Effect.gen(function* () {
    const recorders: Array<Recorder.Recorder> = []
    yield* Gather.collect({ orders: effect }, options).pipe(
      Effect.provideService(Started, (recorder) => void recorders.push(recorder))
    )
    yield* recorders[0]!.settled
    return recorders[0]!.receipt().sources[0]!.guards
  })

/** What a counter or a gauge of this name and these tags stands at. */
export const valueOf = (metric: { readonly keyType: unknown }, tags: Record<string, string>) =>
  Effect.map(Metric.snapshot, (pairs) => {
    const found = pairs.find(
      ({ metricKey }) =>
        metricKey.keyType === metric.keyType &&
        metricKey.tags.length === Object.keys(tags).length &&
        metricKey.tags.every(({ key, value }) => tags[key] === value)
    )
    const state: object = found?.metricState ?? {}
    return "count" in state ? state.count : "value" in state ? state.value : undefined
  })

/** Asserts that each of these is refused as an option of that name. */
export const refuses = (all: Readonly<Record<string, () => unknown>>) => {
  for (const [option, make] of Object.entries(all)) {
    try {
      make()
    } catch (error) {
      assert.instanceOf(error, InvalidOption)
      assert.strictEqual(`${error.where} ${error.option}`, option.replace(/ #.*/, ""))
      continue
    }
    assert.fail(`${option} was accepted`)
  }
}

export const failureOf = (exit: Exit.Exit<unknown, unknown>) =>
  exit._tag === "Failure" ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
