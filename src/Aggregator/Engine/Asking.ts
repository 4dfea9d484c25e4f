/**
 * How the engine asks one source, and how it waits.
 *
 * @since 0.1.0
 */
import {
  Clock,
  Context,
  DefaultServices,
  Duration,
  Effect,
  Exit,
  type Fiber,
  FiberId,
  type FiberRefs,
  Runtime,
  type RuntimeFlags,
  Tracer
} from "effect"
import * as Cleanup from "../../Cleanup.ts"
import type { Promised } from "../../Gather/Run.ts"
import { Asking } from "../../Receipt/Asking.ts"
import type { Entry } from "../../Receipt/Recorder.ts"
import { labelOf } from "../Report.ts"
import type { Spans } from "../Spans.ts"
import type { Signals } from "./Signals.ts"

/**
 * Where sources run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Place<R> {
  /** The one that waits for the answer. */
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  readonly clock: Clock.Clock
  readonly context: Context.Context<R>
  readonly runtimeFlags: RuntimeFlags.RuntimeFlags
  readonly owner: Cleanup.Registry
  readonly spans: Spans | undefined
}

/**
 * Asks an effect in a fiber of its own, which begins at once; gives the way to cancel it. When it has succeeded,
 * `succeeded` gets its fiber refs.
 *
 * @since 0.1.0
 * @category running
 */
export const askFiber = <A, E, R>(
  { context, fiber, owner, runtimeFlags, spans }: Place<R>,
  entry: Entry<A, E>,
  effect: Effect.Effect<A, E, R>,
  succeeded: (refs: FiberRefs.FiberRefs) => void
): (() => void) => {
  const span = spans && startSpan(spans, entry)
  const services = new Map(context.unsafeMap).set(Asking.key, entry)
  if (span !== undefined) services.set(Tracer.ParentSpan.key, span)
  const runtime = Runtime.make<R>({
    context: Context.unsafeMake(services),
    fiberRefs: fiber.getFiberRefs(),
    runtimeFlags
  })
  entry.begin()
  const source = Runtime.runFork(runtime, effect)
  source.addObserver((exit) => {
    if (span !== undefined) spans!.end(span, exit)
    if (exit._tag === "Success") succeeded(source.getFiberRefs())
  })
  return Cleanup.watched(source, owner, entry)
}

/**
 * Asks a promise, without a fiber; gives the way to cancel it.
 *
 * @since 0.1.0
 * @category running
 */
export const askPromise = <A, E>(
  place: Place<never>,
  entry: Entry<A, E>,
  { ask, failed, lingers, succeeded }: Promised<A, E>,
  signals: Signals,
  index: number
): (() => void) => {
  const { spans } = place
  // Nothing runs inside it that could look at its span.
  const span = spans?.kept === true ? startSpan(spans, entry) : undefined
  const own = ask.length === 0 ? undefined : signals.of(index)
  let open = true
  const settle = (exit: Exit.Exit<A, E>) => {
    open = false
    if (span !== undefined) spans!.end(span, exit)
    entry.ended(exit)
  }
  entry.begin()
  // The cast: a function without a parameter does not look at its signal.
  const asked = begin(() => ask(own?.signal as AbortSignal))
  asked.then(
    (value) => open && settle(succeeded(value)),
    (error) => open && settle(failed(error))
  )
  return () => {
    if (!open) return
    open = false
    entry.cancelled()
    if (span !== undefined) spans!.end(span, Exit.interrupt(FiberId.none))
    if (own !== undefined) signals.abort(own)
    if (lingers) linger(place, entry, asked)
    else entry.cleaned()
  }
}

/** What is thrown is a rejection. */
const begin = (ask: () => PromiseLike<unknown>): PromiseLike<unknown> => {
  try {
    return ask()
  } catch (error) {
    return Promise.reject(error)
  }
}

/** A fiber that ends when the promise has settled, for the owner to wait for. */
const linger = (place: Place<never>, entry: Entry<unknown, unknown>, asked: PromiseLike<unknown>): void => {
  const settled = Effect.async<void>((resume) => {
    const done = () => resume(Effect.void)
    asked.then(done, done)
  })
  const waiting = fork(place, Effect.uninterruptible(settled))
  waiting.addObserver(() => entry.cleaned())
  place.owner.adopt(entry, waiting)
}

const live = Context.get(DefaultServices.liveServices, Clock.Clock)

/** The longest timer of Node, which makes a longer one a millisecond; Effect's clock takes it for none. */
const longest = 2 ** 31 - 1

/**
 * Calls back after so many milliseconds of the clock; gives the way to stop it.
 *
 * @since 0.1.0
 * @category running
 */
export const after = (place: Place<never>, millis: number, strikes: () => void): (() => void) => {
  if (place.clock === live) {
    const timer = millis > longest ? undefined : setTimeout(strikes, millis)
    return () => clearTimeout(timer)
  }
  const sleeper = fork(place, place.clock.sleep(Duration.millis(millis)))
  sleeper.addObserver((exit) => {
    if (exit._tag === "Success") strikes()
  })
  return () => sleeper.unsafeInterruptAsFork(FiberId.none)
}

const fork = <A>({ context, fiber, runtimeFlags }: Place<never>, effect: Effect.Effect<A>) =>
  Runtime.runFork(Runtime.make({ context, fiberRefs: fiber.getFiberRefs(), runtimeFlags }), effect)

const startSpan = (spans: Spans, { name, recorder: { aggregation, policy } }: Entry<unknown, unknown>): Tracer.Span =>
  spans.start(`source ${labelOf(policy, name)}`, { aggregation, source: name })
