/**
 * What an aggregator does around one aggregation: a receipt, a span, log lines, metrics.
 *
 * @since 0.1.0
 */
import { Context, Effect, type Exit, type Logger, Tracer } from "effect"
import * as Cleanup from "../Cleanup.ts"
import type * as Gather from "../Gather.ts"
import type * as Calling from "../Gather/Calling.ts"
import type * as Policies from "../Gather/Policies.ts"
import * as Options from "../Options.ts"
import * as Recorder from "../Receipt/Recorder.ts"
import type * as Spans from "../Receipt/Spans.ts"
import * as Engine from "./Engine.ts"
import * as Metrics from "./Metrics.ts"
import * as Report from "./Report.ts"

/**
 * What all aggregations of an aggregator have in common; times in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Common {
  readonly deadline: number
  readonly concurrency: Options.Concurrency
  readonly grace: number
  readonly owner: Cleanup.Registry
  readonly logger: Logger.Logger<unknown, unknown> | undefined
  /** Called once everything about it has come to its end. */
  readonly publish: (recorder: Recorder.Recorder) => void
}

/**
 * Where an aggregation is asked for.
 *
 * @since 0.1.0
 * @category models
 */
export type Around = Pick<Calling.Where, "context" | "fiber" | "parent" | "spans">

/**
 * One aggregation as it is observed. It holds all that is known of it until it has ended, and closures hold nothing else: see
 * `Engine`.
 *
 * @since 0.1.0
 * @category models
 */
export class Observation {
  private readonly spans: Spans.Spans | undefined
  private readonly span: Tracer.Span | undefined
  private counter: Metrics.Counter | undefined = undefined
  private recorder: Recorder.Recorder
  private fiber: Calling.Where["fiber"]

  constructor(
    private readonly common: Common,
    { context, fiber, parent, spans }: Around,
    private readonly name: string,
    private readonly policy: string
  ) {
    this.fiber = fiber
    this.spans = spans
    this.span = spans?.start(`${name} ${policy}`, { parent })
    this.recorder = Recorder.within(fiber, name, policy, context)
    this.recorder.traceId = this.span?.traceId ?? null
  }

  /** What the policy runs with, which asks in that way; these options count before those of the aggregator. */
  begin(own: Gather.Options | undefined, asker: typeof Engine.asker): Policies.Context {
    const { common, name, policy, recorder, span, spans } = this
    const { concurrency, deadline, grace, owner } = common
    const where = `Aggregator.${policy} "${name}"`
    const limit = own?.deadline === undefined ? Infinity : Options.duration(where, "deadline", own.deadline)
    this.counter = new Metrics.Counter(recorder)
    return {
      where,
      recorder,
      options: {
        concurrency: own?.concurrency ?? concurrency,
        grace: own?.grace ?? grace,
        deadline: Math.min(deadline, limit)
      },
      ask: asker({ owner, span, spans }),
      within: providing(owner, span)
    }
  }

  /** It has ended so. */
  end(exit: Exit.Exit<unknown, unknown>): void {
    const { counter, recorder, span } = this
    recorder.listener?.forget?.()
    recorder.listener = undefined
    counter?.ended()
    // Without one it was a wrong option, or the like: nothing was asked, and nothing happened that a receipt could tell.
    if (recorder.ending !== undefined) this.report(recorder)
    if (span !== undefined) this.spans!.end(span, exit)
    this.counter = undefined
    // The cast: nobody calls it any more who would look at these.
    this.recorder = this.fiber = undefined as never
  }

  private report(recorder: Recorder.Recorder): void {
    const { common, fiber, span, spans } = this
    const summary = once(() => recorder.summary())
    if (span !== undefined && spans!.kept)
      for (const [key, value] of Object.entries(Report.attributes(summary(), recorder)))
        if (value !== undefined) span.attribute(key, value)
    recorder.whenSettled(() => common.publish(recorder))
    Report.log(fiber, common.logger, recorder, summary)
  }
}

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
