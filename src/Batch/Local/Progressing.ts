/**
 * How far a run has got, and what it has decided.
 *
 * @since 0.1.0
 */
import { Effect, Exit } from "effect"
import * as Buffer from "../Buffer.ts"
import type { Job, RunError } from "../Engine.ts"
import type { Counts, Failure, LedgerUnavailable, Settled } from "../Ledger.ts"
import type { Stop } from "../Manifest.ts"
import * as Rules from "../Rules.ts"

/**
 * What another process says it has done since it last said so.
 *
 * @since 0.1.0
 * @category models
 */
export interface Heard {
  readonly done: number
  readonly failed: number
  /** The last that failed. */
  readonly last: { readonly id: string; readonly failure: Failure } | null
}

/**
 * The state of one run. Everything in it changes synchronously; whoever waits for a change is woken by it.
 *
 * @since 0.1.0
 * @category models
 */
export class Progressing<E> {
  stop: Stop | undefined = undefined
  broken: LedgerUnavailable | undefined = undefined
  /** How the input ended, once it has. */
  input: Exit.Exit<void, E | RunError> = Exit.void
  inFlight = 0
  /** Items that have not ended, as far as they are in the ledger. */
  open: number
  /** Grows whenever there may be something new to claim, or nothing left to wait for. */
  version = 0
  pausedUntil = 0
  /** How often in a row it was told to slow down. */
  slowed = 0
  done: number
  failed: number
  /** More seem to have failed than is tolerated. */
  doubtful = false
  private sealed: boolean
  reading = true
  private unwritten = 0
  private lastFailed: Heard["last"] | undefined
  private readonly bell = Buffer.makeBell()
  private readonly exceeds: ReturnType<typeof Rules.exceeds>

  constructor(
    private readonly job: Job<E>,
    known: Counts | undefined
  ) {
    this.done = known?.done ?? 0
    this.failed = known?.failed ?? 0
    this.open = (known?.pending ?? 0) + (known?.running ?? 0)
    this.sealed = known?.sealed ?? false
    this.exceeds = Rules.exceeds("Batch.run", job.tolerance)
  }

  /** Nothing else is to be started. */
  get ending(): boolean {
    return this.stop !== undefined || this.broken !== undefined
  }

  /** Nothing runs, nothing is being written, and nothing more is read. */
  get idle(): boolean {
    return !this.reading && this.inFlight === 0 && this.unwritten === 0
  }

  /** Waits until something is so, at most so many milliseconds. */
  until(ready: () => boolean, millis?: number): Effect.Effect<void> {
    const waiting = this.bell.until(ready)
    return millis === undefined ? waiting : Effect.raceFirst(waiting, Effect.sleep(Math.max(0, millis)))
  }

  readonly changed = (): void => {
    this.version += 1
    this.bell.ring()
    this.tell()
  }

  readonly added = (fresh: number): void => {
    this.open += fresh
    this.changed()
  }

  readonly readToTheEnd = (exit: Exit.Exit<void, E | RunError>): void => {
    this.input = exit
    this.reading = false
    this.sealed ||= Exit.isSuccess(exit) && this.job.input !== undefined
    this.changed()
  }

  /** An item has ended in this way, and is yet to be written down. */
  settling(to: Settled): void {
    this.unwritten += 1
    if (to.to !== "done" && to.to !== "failed") return
    this.open -= 1
    this[to.to] += 1
    if (to.to === "failed") this.lastFailed = to
    // A success may be the one by which enough have ended to judge.
    this.judge()
  }

  private judge(): void {
    if (this.exceeds(this)) {
      this.stopped({ by: "tolerance", id: this.lastFailed?.id ?? null, failure: this.lastFailed?.failure ?? null })
    }
  }

  /** So many have ended in other processes, as far as is known; the ledger is asked before that stops the batch. */
  heard({ done, failed, last }: Heard): void {
    this.open -= done + failed
    this.done += done
    this.failed += failed
    if (last !== null) this.lastFailed = last
    this.doubtful ||= this.exceeds(this)
    this.changed()
  }

  /** What the ledger says, which knows best. */
  corrected({ done, failed, pending, running }: Counts): void {
    Object.assign(this, { done, failed, open: pending + running, doubtful: false })
    this.judge()
    this.changed()
  }

  readonly written = (items: number): void => {
    this.unwritten -= items
    this.changed()
  }

  /** An item no longer runs. */
  readonly left = (): void => {
    this.inFlight -= 1
    this.bell.ring()
  }

  /** Starts nothing before this instant. */
  pause(until: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, until)
  }

  readonly stopped = (stop: Stop): void => {
    this.stop ??= stop
    this.changed()
  }

  readonly brokeOff = (error: LedgerUnavailable): void => {
    this.broken ??= error
    this.changed()
  }

  private tell(): void {
    const { done, failed, inFlight, open, pausedUntil, sealed } = this
    this.job.progress?.({ done, failed, inFlight, total: done + failed + open, sealed, pausedUntil })
  }
}
