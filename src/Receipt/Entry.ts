/**
 * What one source of an aggregation does, as it happens.
 *
 * @since 0.1.0
 */
import { Cause, type Exit, Option } from "effect"
import type * as Cleanup from "../Cleanup.ts"
import * as Outcome from "../Outcome.ts"
import type { Attempt, Refused, Served, SourceReceipt } from "../Receipt.ts"
import { describe } from "../Receipt.ts"
import type { Asked } from "./Asking.ts"
import { Guarding } from "./Guarding.ts"
import type { Recorder } from "./Recorder.ts"

/**
 * Who hears of sources that end by themselves.
 *
 * @since 0.1.0
 * @category models
 */
export interface Listener<A, E> {
  sourceEnded(entry: Entry<A, E>): void
}

/**
 * What one source does, as it happens. It is the {@link Cleanup.Watch} of the source's fiber, so that a source counts as
 * ended at the moment its fiber ends, also when the one who waits for it has not yet been woken.
 *
 * @since 0.1.0
 * @category models
 */
export class Entry<A, E> implements Cleanup.Watch<A, E>, Asked {
  /** How it ended; `undefined` as long as it has not. */
  tag: Outcome.Outcome<A, E>["_tag"] | undefined = undefined
  /** What it failed with, by itself. */
  cause: Cause.Cause<E> | undefined = undefined
  /** Cancels it while it is asked; of whoever asks it. */
  cancel: (() => void) | undefined = undefined
  required = false
  fallback = false
  start: number | null = null
  end: number | null = null
  /** The value of a success, or the whole outcome: a value is in most of them, and an outcome around it in few answers. */
  private held: unknown = undefined
  /** Hears of it in the instant it ends by itself. One for all sources: a closure each would be a tenth of their memory. */
  listener: Listener<A, E> | undefined = undefined
  private cleanedAt: number | null = null
  private cleaning = 0
  private givenUp = false
  private note: string | null = null
  private guards: Guarding | undefined = undefined

  constructor(
    readonly name: string,
    readonly recorder: Recorder
  ) {}

  /** The source is being asked now. */
  begin(): void {
    this.start = this.recorder.now()
    this.recorder.holding.began()
    this.recorder.onBegin?.(this)
  }

  ended(exit: Exit.Exit<A, E>): void {
    if (exit._tag === "Success") return this.succeeded(exit.value)
    const end = this.recorder.now()
    const outcome = Outcome.fromExit(this.name, exit, end - (this.start ?? end))
    this.cause = exit.cause
    this.stopped(outcome._tag, outcome, end)
  }

  succeeded(value: A): void {
    this.stopped("Succeeded", value, this.recorder.now())
  }

  private stopped(tag: Outcome.Outcome<A, E>["_tag"], held: unknown, end: number): void {
    this.tag = tag
    this.held = held
    this.end = end
    if (this.cleaning === 0) this.cleanedAt = end
    this.left()
    this.listener?.sourceEnded(this)
  }

  cancelled(): void {
    this.cutOff(this.recorder.now())
    this.cleanupBegan()
  }

  /** It was told to stop, and has nothing to clean up. */
  letGo(now: number): void {
    this.cutOff(now)
    this.cleanedAt = this.end
  }

  private cutOff(now: number): void {
    this.tag = this.state
    if (this.start === null) return
    this.end = now
    this.left()
  }

  private left(): void {
    if (this.start !== null) this.recorder.holding.ended(this)
    this.recorder.onEnd?.(this)
  }

  cleaned(): void {
    this.cleanupEnded()
  }

  gaveUp(): void {
    this.givenUp = true
    this.cleanupEnded()
  }

  /** Watches a fiber that the source has let go of, so that its cleanup counts as the source's. */
  inner(): Cleanup.Watch<unknown, unknown> {
    return {
      name: this.name,
      ended: () => {},
      cancelled: () => this.cleanupBegan(),
      cleaned: () => this.cleaned(),
      gaveUp: () => this.gaveUp()
    }
  }

  progress(text: string): void {
    this.note = text
  }

  attempt(kind: Attempt["kind"]): (outcome: Attempt["outcome"]) => void {
    return this.guarding.attempt(kind)
  }

  queued(millis: number): void {
    this.guarding.queued += millis
  }

  served(from: Served): void {
    this.guarding.served = from
  }

  refused(by: Refused): void {
    this.guarding.refused = by
  }

  overdue(holdsTheAnswer: () => void): () => void {
    return this.recorder.holding.overdue(this, holdsTheAnswer)
  }

  private get guarding(): Guarding {
    return (this.guards ??= new Guarding(this.recorder.now))
  }

  /** The deadline struck: what was cancelled because of it has run out of time. */
  timedOut(): void {
    if (this.tag !== "Cancelled") return
    this.tag = "TimedOut"
    this.held = Outcome.TimedOut({ by: "deadline", after: (this.end ?? 0) - (this.start ?? 0) })
  }

  /** How it ended, in a word; `NotStarted` when it was never asked. */
  get state(): Outcome.Outcome<A, E>["_tag"] {
    return this.tag ?? (this.start === null ? "NotStarted" : "Cancelled")
  }

  /** How it ended; `NotStarted` when it was never asked. */
  get result(): Outcome.Outcome<A, E> {
    const { held, state } = this
    // The casts of what is held: `stopped` and `timedOut` keep it beside its tag.
    if (state === "Succeeded") return Outcome.Succeeded({ value: held as A })
    if (state === "NotStarted") return Outcome.NotStarted()
    return state === "Cancelled" ? Outcome.Cancelled() : (held as Outcome.Outcome<A, E>)
  }

  /** The value of one that has succeeded. */
  get value(): A {
    return this.held as A
  }

  /** Whether it threw, or raised a defect, or interrupted itself. */
  get died(): boolean {
    return this.tag === "Failed" && this.cause !== undefined && Option.isNone(Cause.failureOption(this.cause))
  }

  /** How long it was asked, in milliseconds; `undefined` when it never was, or has not ended. */
  get took(): number | undefined {
    return this.start === null || this.end === null ? undefined : this.end - this.start
  }

  receipt(): SourceReceipt {
    const { state } = this
    return {
      name: this.name,
      outcome: Outcome.status({ _tag: state }),
      required: this.required,
      fallback: this.fallback,
      cleanup: this.givenUp ? "gave-up" : this.cleaning > 0 ? "running" : "done",
      start: rounded(this.start),
      end: rounded(this.end),
      cleaned: rounded(this.cleanedAt),
      progress: this.note,
      error: state === "Failed" || state === "TimedOut" ? this.error(this.result) : null,
      ...(this.guards === undefined ? {} : { guards: this.guards.receipt() })
    }
  }

  /** Also that it ran out of its own limit; that everybody ran out of time is said once, by the first cause. */
  private error(outcome: Outcome.Outcome<A, E>): SourceReceipt["error"] {
    if (outcome._tag === "Failed") return describe(outcome.error)
    if (outcome._tag !== "TimedOut" || outcome.by === "deadline" || this.cause === undefined) return null
    return describe(Cause.squash(this.cause))
  }

  private cleanupBegan(): void {
    this.cleaning += 1
    this.cleanedAt = null
    this.recorder.cleanupBegan()
  }

  private cleanupEnded(): void {
    // An owner that gave up has counted it already.
    if (this.cleaning === 0) return
    this.cleaning -= 1
    if (this.cleaning === 0 && !this.givenUp && this.start !== null) this.cleanedAt = this.recorder.now()
    this.recorder.cleanupEnded()
  }
}

/**
 * An instant as it stands in receipts: a microsecond is finer than any clock here tells apart, and keeps them short.
 *
 * @since 0.1.0
 * @category getters
 */
export const rounded = <T extends number | null>(value: T): T =>
  // Rounding keeps null and number apart as they were.
  (value === null ? value : Math.round(value * 1_000) / 1_000) as T
