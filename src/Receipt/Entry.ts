/**
 * What one source of an aggregation does, as it happens.
 *
 * @since 0.1.0
 */
import { Cause, type Exit, Option } from "effect"
import type * as Cleanup from "../Cleanup.ts"
import * as Outcome from "../Outcome.ts"
import type { Attempt, Refused, Served, SourceReceipt, Unhedged } from "../Receipt.ts"
import { describe } from "../Receipt.ts"
import type { Asked } from "./Asking.ts"
import { Guarding } from "./Guarding.ts"
import { rounded } from "./Instant.ts"
import type { Counted, Recorder } from "./Recorder.ts"

/** What there is to say of few sources: kept apart, since it would be half of what a source in flight takes. */
class Particulars {
  cause: Cause.Cause<unknown> | undefined = undefined
  /** When the last cleanup ended, if it had any. */
  cleaned: number | null = null
  givenUp = false
  fallback = false
  note: string | null = null
  guards: Guarding | undefined = undefined
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
  /** Cancels it while it is asked; of whoever asks it. */
  cancel: (() => void) | undefined = undefined
  required = false
  start: number | null = null
  end: number | null = null
  /** The source whose end let this one start, if it had to wait: for room, or for what it depends on. */
  after: Entry<unknown, unknown> | undefined = undefined
  /** The value of a success, or the whole outcome: a value is in most of them, and an outcome around it in few answers. */
  private held: unknown = undefined
  /** Cleanups of it that run. */
  private cleaning = 0
  private more: Particulars | undefined = undefined
  private counted: Counted | undefined = undefined

  constructor(
    readonly name: string,
    readonly recorder: Recorder
  ) {}

  /** The source is being asked now. */
  begin(): void {
    if (this.recorder.isFull()) this.after = this.recorder.latest
    this.started()
  }

  private started(): void {
    this.start = this.recorder.now()
    this.recorder.holding.began()
    this.counted = this.recorder.counting?.began(this)
  }

  ended(exit: Exit.Exit<A, E>): void {
    if (exit._tag === "Success") return this.succeeded(exit.value)
    const end = this.recorder.now()
    const outcome = Outcome.fromExit(this.name, exit, end - (this.start ?? end))
    this.particulars.cause = exit.cause
    this.stopped(outcome._tag, outcome, end)
  }

  succeeded(value: A): void {
    this.stopped("Succeeded", value, this.recorder.now())
  }

  private stopped(tag: Outcome.Outcome<A, E>["_tag"], held: unknown, end: number): void {
    this.tag = tag
    this.held = held
    this.end = end
    this.left()
    // The cast: who waits for it looks at its name and times alone.
    this.recorder.latest = this as Entry<unknown, unknown>
    this.recorder.listener?.sourceEnded(this)
  }

  cancelled(): void {
    this.cutOff(this.recorder.now())
    this.cleanupBegan()
  }

  /** It was told to stop, and has nothing to clean up. */
  letGo(now: number): void {
    this.cutOff(now)
  }

  private cutOff(now: number): void {
    this.tag = this.state
    if (this.start === null) return
    this.end = now
    this.left()
  }

  private left(): void {
    if (this.start === null) return
    this.recorder.holding.ended(this)
    this.counted?.left()
  }

  /** It runs, but is not asked yet: nobody waits for it, and stopped now, it was never started. */
  stepBack(): void {
    this.left()
    this.start = null
  }

  /** It is asked after all, having stepped back and waited for `after`. */
  stepForward(after: Entry<unknown, unknown> | undefined): void {
    if (after !== undefined) this.after = after
    this.started()
  }

  cleaned(): void {
    this.cleanupEnded()
  }

  gaveUp(): void {
    this.particulars.givenUp = true
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
    this.particulars.note = text
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

  unhedged(why: Unhedged): void {
    this.guarding.unhedged = why
  }

  overdue(holdsTheAnswer: () => void): () => void {
    return this.recorder.holding.overdue(this, holdsTheAnswer)
  }

  setter(deadline: number): (() => void) | undefined {
    const { ending, listener, until } = this.recorder
    return deadline === until && ending === undefined ? listener?.strike && (() => listener.strike?.()) : undefined
  }

  private get guarding(): Guarding {
    return (this.particulars.guards ??= new Guarding(this.recorder.now))
  }

  private get particulars(): Particulars {
    return (this.more ??= new Particulars())
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

  /** Something else stands in the answer for it. */
  fellBack(): void {
    this.particulars.fallback = true
  }

  /** Whether something else stands in the answer for it. */
  get fallback(): boolean {
    return this.more?.fallback ?? false
  }

  /** The value of one that has succeeded. */
  get value(): A {
    return this.held as A
  }

  /** What it failed with, by itself. */
  get cause(): Cause.Cause<E> | undefined {
    // The cast: `ended` keeps it.
    return this.more?.cause as Cause.Cause<E> | undefined
  }

  /** Whether it threw, or raised a defect, or interrupted itself. */
  get died(): boolean {
    return this.tag === "Failed" && this.cause !== undefined && Option.isNone(Cause.failureOption(this.cause))
  }

  /** Whether it was being asked when the deadline came. */
  get late(): boolean {
    const { result } = this
    return result._tag === "TimedOut" && result.by === "deadline"
  }

  /** When the last of it had ended, itself and its cleanup; `null` if that is not so, or not known. */
  private get cleanedAt(): number | null {
    const { cleaned = null, givenUp = false } = this.more ?? {}
    if (this.cleaning > 0 || givenUp) return null
    return this.end === null || cleaned === null ? (this.end ?? cleaned) : Math.max(this.end, cleaned)
  }

  /** How long it was asked, in milliseconds; `undefined` when it never was, or has not ended. */
  get took(): number | undefined {
    return this.start === null || this.end === null ? undefined : this.end - this.start
  }

  receipt(): SourceReceipt {
    const { cleanedAt, more, state } = this
    return {
      name: this.name,
      outcome: Outcome.status({ _tag: state }),
      required: this.required,
      fallback: this.fallback,
      cleanup: more?.givenUp === true ? "gave-up" : this.cleaning > 0 ? "running" : "done",
      start: rounded(this.start),
      end: rounded(this.end),
      cleaned: rounded(cleanedAt),
      progress: more?.note ?? null,
      error: state === "Failed" || state === "TimedOut" ? this.error(this.result) : null,
      ...(more?.guards === undefined ? {} : { guards: more.guards.receipt() })
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
    this.recorder.cleanupBegan()
  }

  private cleanupEnded(): void {
    // An owner that gave up has counted it already.
    if (this.cleaning === 0) return
    this.cleaning -= 1
    if (this.cleaning === 0 && this.start !== null) this.particulars.cleaned = this.recorder.now()
    this.recorder.cleanupEnded()
  }
}
