/**
 * What the tests of the contract have in common: asking under a name, waiting for what must come, judging times.
 */
import { assert } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import * as Gather from "../../../src/Gather.ts"
import type { SourceError } from "../../../src/Source.ts"
import * as Proxy from "../../Proxy.ts"
import { type Adapter, type LayerOptions, Server } from "./Adapter.ts"

const defaults: LayerOptions = { connections: 2, connectTimeout: 1_000 }

/** How long anything may take that must come at once, on a machine that is busy with other things. */
export const soon = 5_000

/** A proxy in front of the server of the suite, and one who watches the server without it. */
export const network = <R>(adapter: Adapter<R>) =>
  Effect.gen(function* () {
    const server = yield* Server
    const watch = yield* adapter.watch(server)
    const proxy = yield* Proxy.make(server.url)
    return { server, watch, proxy, url: proxy.through(server.url) }
  })

/** The same for tests that need no network, and so are also for who is embedded. */
export const stage = <R>(adapter: Adapter<R>) =>
  Effect.gen(function* () {
    if (!adapter.isEmbedded) return yield* network(adapter)
    const server = yield* Server
    return { server, watch: yield* adapter.watch(server), url: server.url }
  })

/** The adapter, built for one test and closed at its end. */
export const build = <R>(adapter: Adapter<R>, url: string, options?: Partial<LayerOptions>) =>
  Effect.map(Layer.build(adapter.layer(url, { ...defaults, ...options })), (context) => ({
    run: <A, E>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, context)
  }))

/** Asks as a source called "shop", with a deadline; an answer that is no answer must come by then. */
export const ask = <A, R>(call: Effect.Effect<A, SourceError, R>, deadline = soon) =>
  Effect.gen(function* () {
    const start = performance.now()
    const { shop } = yield* Gather.collect({ shop: call }, { deadline })
    return { outcome: shop, elapsed: performance.now() - start }
  })

/** Must be answered, well before long. */
export const answered = <A, R>(call: Effect.Effect<A, SourceError, R>) =>
  Effect.map(ask(call), ({ outcome }) => {
    assert(outcome._tag === "Succeeded", `it should have been answered, but: ${wordsOf(outcome)}`)
    return outcome.value
  })

/** Must fail with this error, which names the source, well before long. */
export const failed = <A, R>(call: Effect.Effect<A, SourceError, R>, tag: SourceError["_tag"]) =>
  Effect.map(ask(call), ({ outcome }) => {
    assert(outcome._tag === "Failed" && outcome.error._tag === tag, `expected ${tag}, but: ${wordsOf(outcome)}`)
    // The cast: its tag was just looked at.
    const error = outcome.error as SourceError
    assert.strictEqual(error.source, "shop")
    return error
  })

/** Must be given up at the deadline. */
export const late = <A, R>(call: Effect.Effect<A, SourceError, R>, deadline = 300) =>
  Effect.map(ask(call, deadline), ({ elapsed, outcome }) => {
    assert.strictEqual(outcome._tag, "TimedOut", wordsOf(outcome))
    assert.isBelow(elapsed, deadline + 1_000)
  })

const wordsOf = (outcome: { readonly _tag: string; readonly error?: unknown }) =>
  outcome._tag === "Failed" ? String(outcome.error) : outcome._tag

/** Looks until a number is what it must become, and gives the milliseconds since `start` at which it was asked for it. */
export const until = (what: string, look: Effect.Effect<number>, number: number, start = performance.now()) =>
  Effect.gen(function* () {
    for (const end = performance.now() + soon; ; yield* Effect.sleep(2)) {
      const asked = performance.now()
      const seen = yield* look
      if (seen === number) return asked - start
      if (asked > end) assert.fail(`waited in vain for ${number} ${what}, there are ${seen}`)
    }
  })

/** Interrupts calls, and gives how long each side took: their caller to be back, the server to be idle. */
export const stop = <A, E>(fibers: ReadonlyArray<Fiber.RuntimeFiber<A, E>>, busy: Effect.Effect<number>) =>
  Effect.gen(function* () {
    const start = performance.now()
    yield* Fiber.interruptAll(fibers)
    const back = performance.now() - start
    const idle = yield* until("calls", busy, 0, start)
    return { back, idle }
  })

/** The time that so many of a hundred stay under. */
export const percentile = (times: ReadonlyArray<number>, percent: number) =>
  times.toSorted((a, b) => a - b)[Math.ceil((times.length * percent) / 100) - 1] ?? 0

/**
 * The promise: callers are back within 50 ms (95 of 100; all within 250), the server is idle within 250. Unmeasured, on a
 * machine that is busy: never long, and at least once in so short a time that the server was told.
 */
export const judge = (times: ReadonlyArray<{ readonly back: number; readonly idle: number }>, measures: boolean) => {
  const backs = times.map(({ back }) => back)
  const idles = times.map(({ idle }) => idle)
  const [back, last, idle] = [percentile(backs, 95), Math.max(...backs), percentile(idles, 95)]
  const seen = `back p50 ${percentile(backs, 50)} p95 ${back} max ${last}, idle p50 ${percentile(idles, 50)} p95 ${idle}`
  if (!measures) return assert(last < 1_000 && Math.max(...idles) < 2_000 && Math.min(...idles) < 200, seen)
  console.info(seen.replaceAll(/(\.\d)\d+/g, "$1"))
  assert(back <= 50 && last <= 250 && idle <= 250, seen)
}
