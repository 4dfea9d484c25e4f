/**
 * What an aggregator does for every policy: options, an owner for cleanup, a receipt, a span, log lines, metrics.
 *
 * @since 0.1.0
 */
import { Context, type Duration, Effect, type Exit, type Logger, PubSub, type Scope, Stream, Tracer } from "effect"
import * as Cleanup from "../Cleanup.ts"
import type * as Gather from "../Gather.ts"
import type * as Policies from "../Gather/Policies.ts"
import * as Options from "../Options.ts"
import type { Receipt } from "../Receipt.ts"
import * as Recorder from "../Receipt/Recorder.ts"
import * as Spans from "../Receipt/Spans.ts"
import * as Engine from "./Engine.ts"
import * as Metrics from "./Metrics.ts"
import * as Report from "./Report.ts"

/**
 * How an aggregator works; all of it may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface AggregatorOptions {
  /** The answer leaves at most this long after the start; a call can only shorten it. Default: no deadline. */
  readonly deadline?: Duration.DurationInput | undefined
  /** How many sources of one aggregation are asked at once; default `"unbounded"`. */
  readonly concurrency?: Options.Concurrency | undefined
  /** How long a return may wait for cancelled sources to clean up; default zero. */
  readonly grace?: Duration.DurationInput | undefined
  /** How long closing the aggregator waits for cleanup; default 5 seconds. */
  readonly closeTimeout?: Duration.DurationInput | undefined
  /** Where its log lines go; default: the loggers of the program. */
  readonly logger?: Logger.Logger<unknown, unknown> | undefined
}

/**
 * What an aggregator offers to those who build policies on it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Runs a policy under the aggregator's options, with a receipt, a span, log lines and metrics. `body` gets what it takes
   * to run one of `Gather/Policies`, or one of your own: that asks by `ask`, or asks `within` the aggregation.
   */
  readonly observe: <A, E, R>(
    name: string,
    policy: string,
    options: Gather.Options | undefined,
    body: (context: Policies.Context) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
  /**
   * Every receipt from now on, until the scope closes: each once its last cleanup has ended. A reader that stands still holds
   * them all.
   */
  readonly subscribe: Effect.Effect<Stream.Stream<Receipt>, never, Scope.Scope>
  /** Calls back with each of them in that instant, without a fiber; what it gives stops that. A listener must not throw. */
  readonly listen: (listener: (receipt: Receipt) => void) => () => void
  /** Waits until nothing that it cancelled is cleaning up. */
  readonly settled: Effect.Effect<void>
}

/**
 * Makes an aggregator. When its scope closes, it waits for what is cleaning up, at most `closeTimeout`; what the sources
 * use (pools, clients) must outlive that scope. A wrong option is raised as an `InvalidOption`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: AggregatorOptions = {}): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function* () {
    const where = "Aggregator.layer"
    const deadline = Options.duration(where, "deadline", options.deadline ?? Infinity)
    const defaults = {
      concurrency: Options.concurrency(where, options.concurrency),
      grace: Options.duration(where, "grace", options.grace ?? 0)
    }
    const closeTimeout = options.closeTimeout ?? Cleanup.defaultCloseTimeout
    const published = yield* Effect.acquireRelease(PubSub.unbounded<Receipt>(), PubSub.shutdown)
    const owner = yield* Cleanup.make({ closeTimeout: Options.duration(where, "closeTimeout", closeTimeout) })
    const { logger } = options
    let readers = 0
    const listeners = new Set<(receipt: Receipt) => void>()
    const publish = (recorder: Recorder.Recorder) => {
      if (readers === 0 && listeners.size === 0) return
      const receipt = recorder.receipt()
      if (readers > 0) published.unsafeOffer(receipt)
      for (const listener of listeners) listener(receipt)
    }

    const observe: Service["observe"] = (name, policy, own, body) =>
      Effect.withFiberRuntime((fiber) => {
        const spans = Spans.of(fiber)
        const span = spans?.start(`${name} ${policy}`)
        const recorder = Recorder.within(fiber, name, policy)
        recorder.traceId = span?.traceId ?? null
        let ended = () => {}
        const run = () => {
          const where = `Aggregator.${policy} "${name}"`
          const limit = own?.deadline === undefined ? Infinity : Options.duration(where, "deadline", own.deadline)
          const options = {
            concurrency: own?.concurrency ?? defaults.concurrency,
            grace: own?.grace ?? defaults.grace,
            deadline: Math.min(deadline, limit)
          }
          ended = Metrics.watch(recorder)
          const ask = Engine.asker({ owner, span, spans })
          return body({ where, recorder, options, ask, within: providing(owner, span) })
        }
        const report = () => {
          ended()
          // A wrong option, or the like: nothing was asked, and nothing happened that a receipt could tell.
          if (recorder.ending === undefined) return
          const summary = once(() => recorder.summary())
          if (span !== undefined && spans!.kept)
            for (const [key, value] of Object.entries(Report.attributes(summary(), recorder)))
              if (value !== undefined) span.attribute(key, value)
          recorder.whenSettled(() => publish(recorder))
          Report.log(fiber, logger, recorder, summary)
        }
        const reported = (exit: Exit.Exit<unknown, unknown>) =>
          Effect.sync(() => {
            report()
            if (span !== undefined) spans!.end(span, exit)
          })
        return Effect.onExit(Effect.suspend(run), reported)
      })

    const subscribe = Effect.gen(function* () {
      const queue = yield* PubSub.subscribe(published)
      readers += 1
      yield* Effect.addFinalizer(() => Effect.sync(() => (readers -= 1)))
      return Stream.fromQueue(queue)
    })
    const listen: Service["listen"] = (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    }
    return { observe, subscribe, listen, settled: owner.settled }
  })

/**
 * Gives services to effects. To set the context of a fiber that runs takes 35 us of CPU, since Effect compares the old one with
 * the new one, service by service: what asks by itself gives them to its sources instead.
 */
const providing =
  (owner: Cleanup.Registry, span: Tracer.Span | undefined) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.mapInputContext(effect, (context: Context.Context<R>) => {
      const services = new Map(context.unsafeMap).set(Cleanup.Owner.key, owner)
      if (span !== undefined) services.set(Tracer.ParentSpan.key, span)
      return Context.unsafeMake(services)
    })

/** Made when it is first asked for. */
const once = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}
