/**
 * What runs the items of a batch: in this process unless a layer says otherwise.
 *
 * @since 0.1.0
 */
import { Context, type Effect } from "effect"
import type { BatchBusy, Claimed, ItemConflict, LeaseLost, LedgerUnavailable, NewItem, Service } from "./Ledger.ts"
import * as Local from "./Local.ts"
import type { Stop } from "./Manifest.ts"
import type { Classified, Rules, Tolerance } from "./Rules.ts"

/**
 * What an engine has to do.
 *
 * @since 0.1.0
 * @category models
 */
export interface Job<E> {
  readonly batch: string
  readonly ledger: Service
  /** How many items run at once. */
  readonly concurrency: number
  /** How many items may be in the ledger that have not ended; whoever reads the input waits beyond that. */
  readonly buffer: number
  /** How often an item is tried whose class is to be retried. */
  readonly attempts: number
  readonly tolerance: Tolerance | undefined
  /** For those who run items in other processes; `run` goes by them already. */
  readonly rules: Rules | undefined
  /** How long a silent run is taken for alive, in milliseconds. */
  readonly lease: number
  /** Runs one item; fails with what rules say of its failure. */
  readonly run: (item: Claimed) => Effect.Effect<string, Classified>
  /** Undefined: there is none. */
  readonly input: Input<E> | undefined
  /** Told of every change, synchronously. */
  readonly progress: ((progress: Progress) => void) | undefined
}

/**
 * Where the items of a batch come from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Input<E> {
  /** As in `begin` of the ledger; undefined: what was read last is read on, from wherever `read` knows. */
  readonly version: string | null | undefined
  /** Reads it from a place, and gives its items to `add`, which waits while there is no room. */
  readonly read: (
    add: (item: NewItem) => Effect.Effect<void, RunError>,
    from: { readonly read: number; readonly offset: number }
  ) => Effect.Effect<void, E | RunError>
}

/**
 * How far a batch has got.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  readonly done: number
  readonly failed: number
  /** Items that run now. */
  readonly inFlight: number
  /** Items known so far; what there is to do, once `sealed`. */
  readonly total: number
  readonly sealed: boolean
  /**
   * Nothing is started before this instant, since a source said so; zero otherwise. In milliseconds on the scale of
   * `Deadline.now`, which never jumps.
   */
  readonly pausedUntil: number
}

/**
 * Why a run broke off.
 *
 * @since 0.1.0
 * @category errors
 */
export type RunError = BatchBusy | LeaseLost | ItemConflict | LedgerUnavailable

/**
 * The engine.
 *
 * @since 0.1.0
 * @category services
 */
export class Engine extends Context.Reference<Engine>()("effect-muster/Batch/Engine", {
  defaultValue: (): { readonly run: <E>(job: Job<E>) => Effect.Effect<Stop | undefined, RunError | E> } => ({
    run: Local.run
  })
}) {}
