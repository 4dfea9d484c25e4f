/**
 * How the engine asks one source, and how it waits.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Exit, FiberId, type FiberRefs, Tracer } from "effect"
import * as Cleanup from "../../Cleanup.ts"
import type { Call } from "../../Gather/Calling.ts"
import type { Promised } from "../../Gather/Run.ts"
import { Asking } from "../../Receipt/Asking.ts"
import { isLive } from "../../Receipt/Instant.ts"
import type { Entry } from "../../Receipt/Recorder.ts"
import type { Spans } from "../../Receipt/Spans.ts"
import { labelOf } from "../Report.ts"
import type { Observed, Place } from "./Place.ts"
import type { Signals } from "./Signals.ts"

/**
 * Asks an effect in a fiber of its own, which begins at once. When it has succeeded, `succeeded` gets its fiber refs.
 *
 * @since 0.1.0
 * @category running
 */
export const askFiber = <A, E, R>(
  place: Place<R>,
  entry: Entry<A, E>,
  effect: Effect.Effect<A, E, R>,
  succeeded: (refs: FiberRefs.FiberRefs) => void
): void => {
  const { owner, spans } = place.observed
  const span = spans && startSpan(place.observed, spans, entry)
  entry.begin()
  const asking = [Asking.key, entry] as const
  const handled = Cleanup.handled(effect)
  const source =
    span === undefined ? place.fork(handled, asking) : place.fork(handled, asking, [Tracer.ParentSpan.key, span])
  source.addObserver((exit) => {
    if (span !== undefined) spans!.end(span, exit)
    if (exit._tag === "Success") succeeded(source.getFiberRefs())
  })
  const cancel = Cleanup.watched(source, owner, entry)
  if (entry.tag === undefined) entry.cancel = cancel
}

/**
 * Asks by a call, without a fiber.
 *
 * @since 0.1.0
 * @category running
 */
export const askCall = <A, E>(place: Place<never>, entry: Entry<A, E>, call: Call<A, E>): void => {
  const { deadline, fiber, observed, outside: context } = place
  const { owner, spans } = observed
  const span = keptSpan(observed, entry)
  const done = (exit: Exit.Exit<A, E>) => ended(entry, exit, spans, span)
  entry.begin()
  try {
    const cancel = call({ asking: entry, deadline, parent: span ?? observed.span, spans, owner, context, fiber }, done)
    // Not assigned as it stands: see `Engine`.
    const stop = () => {
      cancel()
      entry.cancelled()
      if (span !== undefined) spans!.end(span, Exit.interrupt(FiberId.none))
      entry.cleaned()
    }
    if (entry.tag === undefined) entry.cancel = stop
  } catch (defect) {
    done(Exit.die(defect))
  }
}

/**
 * Asks a promise, without a fiber. `required` says that the answer needs it.
 *
 * @since 0.1.0
 * @category running
 */
export const askPromise = <A, E>(
  place: Place<never>,
  entry: Entry<A, E>,
  promised: Promised<A, E>,
  signals: Signals,
  required: boolean
): void => {
  const { spans } = place.observed
  const span = keptSpan(place.observed, entry)
  const deaf = promised.ask.length === 0
  const own = deaf || signals.shares(required) ? undefined : new AbortController()
  // The cast: a function without a parameter does not look at its signal.
  const signal = own?.signal ?? (deaf ? (undefined as unknown as AbortSignal) : signals.next())
  entry.begin()
  const asked = begin(promised.ask, signal)
  if (span !== undefined || own !== undefined || promised.lingers)
    entry.cancel = canceller(place, entry, asked, promised, signals, own, span)
  asked.then(
    (value) => entry.tag ?? succeeded(entry, promised, value, spans, span),
    (error) => entry.tag ?? ended(entry, promised.failed(error), spans, span)
  )
}

const succeeded = <A, E>(
  entry: Entry<A, E>,
  promised: Promised<A, E>,
  given: unknown,
  spans: Spans | undefined,
  span: Tracer.Span | undefined
): void => {
  let value: A
  try {
    value = promised.succeeded(given)
  } catch (defect) {
    return ended(entry, Exit.die(defect), spans, span)
  }
  if (span === undefined) entry.succeeded(value)
  else ended(entry, Exit.succeed(value), spans, span)
}

const ended = <A, E>(
  entry: Entry<A, E>,
  exit: Exit.Exit<A, E>,
  spans: Spans | undefined,
  span: Tracer.Span | undefined
): void => {
  if (span !== undefined) spans!.end(span, exit)
  entry.ended(exit)
}

const canceller =
  (
    place: Place<never>,
    entry: Entry<unknown, unknown>,
    asked: PromiseLike<unknown>,
    { lingers }: Pick<Promised<unknown, unknown>, "lingers">,
    signals: Signals,
    own: AbortController | undefined,
    span: Tracer.Span | undefined
  ) =>
  (): void => {
    entry.cancelled()
    if (span !== undefined) place.observed.spans!.end(span, Exit.interrupt(FiberId.none))
    if (own !== undefined) signals.abort(own)
    if (lingers) linger(place, entry, asked)
    else entry.cleaned()
  }

/** What is thrown is a rejection. */
const begin = (ask: (signal: AbortSignal) => PromiseLike<unknown>, signal: AbortSignal): PromiseLike<unknown> => {
  try {
    return ask(signal)
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
  const waiting = place.fork(Effect.uninterruptible(settled))
  waiting.addObserver(() => entry.cleaned())
  place.observed.owner.adopt(entry, waiting)
}

/** The longest timer of Node, which makes a longer one a millisecond; Effect's clock takes it for none. */
const longest = 2 ** 31 - 1

/**
 * Calls back after so many milliseconds of the clock; gives the way to stop it.
 *
 * @since 0.1.0
 * @category running
 */
export const after = (place: Place<never>, millis: number, strikes: () => void): (() => void) => {
  if (isLive(place.clock)) {
    const due = performance.now() + millis
    // Node counts a timer in whole milliseconds, and so calls it up to one too early: 2 of 300 of 20 ms, the first at 19.2.
    const wake = () => {
      const early = due - performance.now()
      if (early > 0) timer = setTimeout(wake, early)
      else strikes()
    }
    let timer = millis > longest ? undefined : setTimeout(wake, millis)
    return () => clearTimeout(timer)
  }
  const sleeper = place.fork(place.clock.sleep(Duration.millis(millis)))
  sleeper.addObserver((exit) => {
    if (exit._tag === "Success") strikes()
  })
  return () => sleeper.unsafeInterruptAsFork(FiberId.none)
}

/** Of a source inside which nothing runs that could look at its span. */
const keptSpan = (observed: Observed, entry: Entry<unknown, unknown>): Tracer.Span | undefined =>
  observed.spans?.kept === true ? startSpan(observed, observed.spans, entry) : undefined

const startSpan = (
  { span }: Observed,
  spans: Spans,
  { name, recorder: { aggregation, policy } }: Entry<unknown, unknown>
): Tracer.Span =>
  spans.start(`source ${labelOf(policy, name)}`, { attributes: { aggregation, source: name }, parent: span })
