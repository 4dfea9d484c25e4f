/**
 * What one source of an aggregation does, as it happens.
 *
 * @since 0.1.0
 */
import { Cause, type Exit } from "effect"
import type * as Cleanup from "../Cleanup.ts"
import * as Outcome from "../Outcome.ts"
import type { Attempt, Refused, Served, SourceReceipt } from "../Receipt.ts"
import { describe } from "../Receipt.ts"
import type { Asked } from "./Asking.ts"
import { Guarding } from "./Guarding.ts"
import type { Recorder } from "./Recorder.ts"

/**
 * What one source does, as it happens. It is the {@link Cleanup.Watch} of the source's fiber, so that a source counts as
 * ended at the moment its fiber ends, also when the one who waits for it has not yet been woken.
 *
 * @since 0.1.0
 * @category models
 */
export class Entry<A, E> implements Cleanup.Watch<A, E>, Asked {
  outcome: Outcome.Outcome<A, E> | undefined = undefined
  /** How it ended by itself. */
  exit: Exit.Exit<A, E> | undefined = undefined
  required = false
  fallback = false
  start: number | null = null
  end: number | null = null
  /** Called in the instant it ends by itself. */
  onEnded: (() => void) | undefined = undefined
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
    this.exit = exit
    this.end = this.recorder.now()
    if (this.cleaning === 0) this.cleanedAt = this.end
    this.outcome = Outcome.fromExit(this.name, exit, this.end - (this.start ?? this.end))
    this.stopped()
    this.onEnded?.()
  }

  cancelled(): void {
    this.outcome = this.start === null ? Outcome.NotStarted() : Outcome.Cancelled()
    this.end = this.start === null ? null : this.recorder.now()
    this.cleanupBegan()
    if (this.start !== null) this.stopped()
  }

  private stopped(): void {
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
    if (this.outcome?._tag === "Cancelled") {
      this.outcome = Outcome.TimedOut({ by: "deadline", after: (this.end ?? 0) - (this.start ?? 0) })
    }
  }

  /** How it ended; `NotStarted` when it was never asked. */
  get result(): Outcome.Outcome<A, E> {
    return this.outcome ?? (this.start === null ? Outcome.NotStarted() : Outcome.Cancelled())
  }

  /** How long it was asked, in milliseconds; `undefined` when it never was, or has not ended. */
  get took(): number | undefined {
    return this.start === null || this.end === null ? undefined : this.end - this.start
  }

  receipt(): SourceReceipt {
    const outcome = this.result
    return {
      name: this.name,
      outcome: Outcome.status(outcome),
      required: this.required,
      fallback: this.fallback,
      cleanup: this.givenUp ? "gave-up" : this.cleaning > 0 ? "running" : "done",
      start: rounded(this.start),
      end: rounded(this.end),
      cleaned: rounded(this.cleanedAt),
      progress: this.note,
      error: this.error(outcome),
      ...(this.guards === undefined ? {} : { guards: this.guards.receipt() })
    }
  }

  /** Also that it ran out of its own limit; that everybody ran out of time is said once, by the first cause. */
  private error(outcome: Outcome.Outcome<A, E>): SourceReceipt["error"] {
    if (outcome._tag === "Failed") return describe(outcome.error)
    if (outcome._tag !== "TimedOut" || outcome.by === "deadline" || this.exit?._tag !== "Failure") return null
    return describe(Cause.squash(this.exit.cause))
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
