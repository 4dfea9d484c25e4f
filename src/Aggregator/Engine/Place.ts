/**
 * Where the engine asks.
 *
 * @since 0.1.0
 */
import { type Clock, Context, type Effect, type Fiber, type FiberRefs, Runtime, RuntimeFlags, Tracer } from "effect"
import * as Cleanup from "../../Cleanup.ts"
import * as Deadline from "../../Deadline.ts"
import type { Spans } from "../../Receipt/Spans.ts"

/**
 * What an aggregator knows of one aggregation, for its sources.
 *
 * @since 0.1.0
 * @category models
 */
export interface Observed {
  readonly owner: Cleanup.Registry
  /** The span of the aggregation. */
  readonly span: Tracer.Span | undefined
  readonly spans: Spans | undefined
}

/**
 * Where sources run. What only fibers need is made when there is one: each is a copy of a map, which takes a microsecond.
 *
 * @since 0.1.0
 * @category models
 */
export class Place<R> {
  private services: ReadonlyMap<string, unknown> | undefined = undefined
  private refs: FiberRefs.FiberRefs | undefined = undefined

  constructor(
    readonly observed: Observed,
    readonly outside: Context.Context<R>,
    readonly deadline: number,
    /** The one that waits for the answer; if none does, the one whose refs the sources have. */
    readonly fiber: Fiber.RuntimeFiber<unknown, unknown>,
    readonly clock: Clock.Clock,
    private readonly runtimeFlags: RuntimeFlags.RuntimeFlags
  ) {}

  /** Those of {@link fiber}. */
  get fiberRefs(): FiberRefs.FiberRefs {
    return (this.refs ??= this.fiber.getFiberRefs())
  }

  /** Runs an effect in a fiber of its own, with some services more. */
  fork<A, E>(
    effect: Effect.Effect<A, E, R>,
    ...more: ReadonlyArray<readonly [key: string, service: unknown]>
  ): Fiber.RuntimeFiber<A, E> {
    const services = new Map(this.shared)
    for (const [key, service] of more) services.set(key, service)
    const { fiberRefs } = this
    const runtimeFlags = RuntimeFlags.enable(this.runtimeFlags, RuntimeFlags.Interruption)
    return Runtime.runFork(Runtime.make({ context: Context.unsafeMake<R>(services), fiberRefs, runtimeFlags }), effect)
  }

  private get shared(): ReadonlyMap<string, unknown> {
    if (this.services !== undefined) return this.services
    const { owner, span } = this.observed
    const services = new Map(this.outside.unsafeMap)
    services.set(Deadline.Current.key, this.deadline).set(Cleanup.Owner.key, owner)
    if (span !== undefined) services.set(Tracer.ParentSpan.key, span)
    return (this.services = services)
  }
}
