/**
 * What an aggregator is to those who build policies on it: its options, an owner for cleanup, and who hears of receipts.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Exit, FiberId, type Logger, PubSub, type Scope, Stream } from "effect"
import * as Cleanup from "../Cleanup.ts"
import type * as Gather from "../Gather.ts"
import * as Calling from "../Gather/Calling.ts"
import type * as Policies from "../Gather/Policies.ts"
import * as Options from "../Options.ts"
import type { Receipt } from "../Receipt.ts"
import type { Recorder } from "../Receipt/Recorder.ts"
import * as Spans from "../Receipt/Spans.ts"
import * as Engine from "./Engine.ts"
import { Observation } from "./Observation.ts"

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
    let readers = 0
    const listeners = new Set<(receipt: Receipt) => void>()
    const publish = (recorder: Recorder) => {
      if (readers === 0 && listeners.size === 0) return
      const receipt = recorder.receipt()
      if (readers > 0) published.unsafeOffer(receipt)
      for (const listener of listeners) listener(receipt)
    }

    const common = { ...defaults, deadline, owner, logger: options.logger, publish }
    const observe = <A, E, R>(
      name: string,
      policy: string,
      own: Gather.Options | undefined,
      body: (context: Policies.Context) => Effect.Effect<A, E, R>
    ): Effect.Effect<A, E, R> => {
      const observed = Effect.withFiberRuntime<A, E, R>((fiber) => {
        const around = { context: fiber.currentContext, fiber, parent: undefined, spans: Spans.of(fiber) }
        const observation = new Observation(common, around, name, policy)
        return Effect.onExit(
          Effect.suspend(() => body(observation.begin(own, Engine.asker))),
          (exit) => Effect.sync(() => observation.end(exit))
        )
      })
      return Calling.mark(observed, (where, done) => {
        const observation = new Observation(common, where, name, policy)
        const ended = (exit: Exit.Exit<A, E>) => {
          observation.end(exit)
          done(exit)
        }
        const asked = Calling.attempt(() => body(observation.begin(own, Engine.caller)))
        const cancel = Calling.start<A, E, R>(asked, where, ended)
        return () => {
          cancel()
          observation.end(Exit.interrupt(FiberId.none))
        }
      })
    }

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
