/**
 * The ledger of batches: one row for each item, and the truth about what is done.
 *
 * An item is run only by the owner of its row, and a result counts only if its owner still has the row: whoever was
 * thought dead and comes back late changes nothing.
 *
 * @since 0.1.0
 */
import { Context, type Effect, Schema, type Stream } from "effect"

/**
 * What has become of an item. `pending` also covers one that will be tried again.
 *
 * @since 0.1.0
 * @category models
 */
export const State = Schema.Literal("pending", "running", "done", "failed")

/** @since 0.1.0 */
export type State = typeof State.Type

/**
 * One item of a batch, as the ledger has it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Row {
  readonly id: string
  /** Its place in the input, from 0 up. */
  readonly position: number
  readonly state: State
  /** How often it was run. */
  readonly attempts: number
  /** As JSON. */
  readonly item: string
  /** As JSON; `null` unless it is done. */
  readonly result: string | null
  /** Why it failed the last time it was run. */
  readonly failure: Failure | null
  /** Milliseconds since 1970 at which it ended; `null` before. */
  readonly endedAt: number | null
  /** True if the input, as far as it has been read last, does not have it. */
  readonly absent: boolean
}

/**
 * Why an item failed. The class is what rules, `failures` and `redrive --only` go by.
 *
 * @since 0.1.0
 * @category models
 */
export const Failure = Schema.Struct({ class: Schema.String, message: Schema.String })

/** @since 0.1.0 */
export type Failure = typeof Failure.Type

/**
 * An item that is new to the ledger, perhaps.
 *
 * @since 0.1.0
 * @category models
 */
export interface NewItem {
  readonly id: string
  readonly position: number
  /** As JSON. */
  readonly item: string
  /** Of the item; the same id with another hash is another item. */
  readonly hash: string
  /** The offset of the byte behind it, if it was read from a file. */
  readonly end?: number | undefined
}

/**
 * An item that its owner has to run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Claimed {
  readonly id: string
  readonly position: number
  /** As JSON. */
  readonly item: string
  /** How often it was run before. */
  readonly attempts: number
}

/**
 * What has become of a claimed item.
 *
 * `done` and `failed` are final; `again` makes it pending, not to be claimed for as long as it has to `wait`.
 *
 * @since 0.1.0
 * @category models
 */
export type Settled =
  | { readonly id: string; readonly to: "done"; readonly result: string; readonly took: number }
  | { readonly id: string; readonly to: "failed"; readonly failure: Failure; readonly took: number }
  | {
      readonly id: string
      readonly to: "again"
      readonly failure: Failure
      readonly took: number
      /** Milliseconds from now. */
      readonly wait: number
    }

/**
 * A batch in numbers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Counts {
  /** Without those that are left out. */
  readonly pending: number
  readonly running: number
  readonly done: number
  readonly failed: number
  /** Items that the input, as far as it has been read last, does not have: what became of them stays as it is. */
  readonly absent: number
  /** Those of them that are pending: they are not run, unless they are in the input again. */
  readonly leftOut: number
  /** How often items were run, all together. */
  readonly attempts: number
  /** Milliseconds that items have run, all together. */
  readonly took: number
  /** The version of the input that is being read, or was read last; `null` if it has none. */
  readonly input: string | null
  /** How many items of the input have been read; of a file: how many lines. */
  readonly read: number
  /** How many bytes of its file have been read with them; 0 if the input is no file. */
  readonly offset: number
  /** True when the input was read to its end. */
  readonly sealed: boolean
}

/**
 * There is no batch of this name in the ledger.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchUnknown extends Schema.TaggedError<BatchUnknown>("effect-muster/Batch/BatchUnknown")("BatchUnknown", {
  batch: Schema.String
}) {
  override get message() {
    return `there is no batch "${this.batch}" in the ledger`
  }
}

/**
 * Another run of this batch is alive.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchBusy extends Schema.TaggedError<BatchBusy>("effect-muster/Batch/BatchBusy")("BatchBusy", {
  batch: Schema.String,
  owner: Schema.String
}) {
  override get message() {
    return `the batch "${this.batch}" is being run by ${this.owner}; wait for it to end, or stop it`
  }
}

/**
 * Somebody else has taken the batch over, since nothing was heard of this run for longer than its lease.
 *
 * @since 0.1.0
 * @category errors
 */
export class LeaseLost extends Schema.TaggedError<LeaseLost>("effect-muster/Batch/LeaseLost")("LeaseLost", {
  batch: Schema.String,
  owner: Schema.String
}) {
  override get message() {
    return `the batch "${this.batch}" was taken over from ${this.owner}, which was silent for longer than its lease`
  }
}

/**
 * Two items of the input have one id, or an item is another one than it was when the input was read before.
 *
 * @since 0.1.0
 * @category errors
 */
export class ItemConflict extends Schema.TaggedError<ItemConflict>("effect-muster/Batch/ItemConflict")("ItemConflict", {
  batch: Schema.String,
  id: Schema.String,
  /** The places of the two in the input, from 1 up. */
  first: Schema.Number,
  second: Schema.Number,
  /** True when they are equal in all they hold. */
  same: Schema.Boolean,
  /** True when the first is that of an earlier reading of the input. */
  earlier: Schema.Boolean
}) {
  override get message() {
    const id = JSON.stringify(this.id)
    if (this.earlier)
      return `item ${this.second} of the batch "${this.batch}" has changed: it has the id ${id}, with which the batch has another item, read before as item ${this.first}`
    const what = `items ${this.first} and ${this.second} of the batch "${this.batch}" ${this.same ? "are the same" : "differ"}`
    return `${what}, and have the id ${id}`
  }
}

/**
 * The ledger could not be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class LedgerUnavailable extends Schema.TaggedError<LedgerUnavailable>("effect-muster/Batch/LedgerUnavailable")(
  "LedgerUnavailable",
  { reason: Schema.String, cause: Schema.optional(Schema.Defect) }
) {
  override get message() {
    return `the ledger is unavailable: ${this.reason}`
  }
}

/**
 * Where the rows are.
 *
 * @since 0.1.0
 * @category services
 */
export class Ledger extends Context.Tag("effect-muster/Batch/Ledger")<Ledger, Service>() {}

/**
 * What a ledger can do. All times are durations in milliseconds, so that no two clocks are compared; an owner is dead when
 * its heartbeat has stood still for its lease, on a clock of the observer that never jumps.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Makes a batch this owner's, and gives it the rows of owners that have been silent for longer than their lease.
   * Creates it if it is not there. One owner is `exclusive`, who runs the batch: `BatchBusy` while another such is alive.
   * Those who share its items come and go beside it.
   */
  readonly open: (
    batch: string,
    owner: string,
    options: { readonly lease: number; readonly exclusive: boolean }
  ) => Effect.Effect<void, BatchBusy | LedgerUnavailable>
  /** Says that the owner lives, and hears whether the batch was cancelled. Fails with `LeaseLost` when taken over. */
  readonly renew: (
    batch: string,
    owner: string
  ) => Effect.Effect<{ readonly cancelled: boolean }, LeaseLost | LedgerUnavailable>
  /**
   * Asks the owners of a batch to stop, and returns whether it has a living one; to know that, it may wait for a heartbeat, at most
   * one lease. The next exclusive `open` takes the cancel back.
   */
  readonly cancel: (batch: string) => Effect.Effect<boolean, LedgerUnavailable>
  /** Gives up the batch; the items it was running are pending again, as if they had not been run. */
  readonly close: (batch: string, owner: string) => Effect.Effect<void, LedgerUnavailable>
  /**
   * Begins to read the input, and says how much of it has been read. An input that is the very same as before, by its version,
   * is read on; any other from its beginning, and what it does not have any more is not run. `null` is never the same.
   */
  readonly begin: (
    batch: string,
    input: string | null
  ) => Effect.Effect<{ readonly read: number; readonly offset: number }, LedgerUnavailable>
  /**
   * Adds items, and writes down how many of the input (and how many bytes of its file) have been read with them; all of
   * it or nothing. An item that is there already with the same hash stays as it is, also at another place. With one that
   * is new, the input is no longer read to its end. Says how many of them are to be run that were not before.
   */
  readonly add: (
    batch: string,
    items: ReadonlyArray<NewItem>,
    read: number,
    offset?: number
  ) => Effect.Effect<number, ItemConflict | LedgerUnavailable>
  /** Fails for an item that the batch has with another hash, as `add` would for a new reading; changes nothing. */
  readonly compare: (
    batch: string,
    items: ReadonlyArray<NewItem>
  ) => Effect.Effect<void, ItemConflict | LedgerUnavailable>
  /** The input has been read to its end. */
  readonly seal: (batch: string) => Effect.Effect<void, LedgerUnavailable>
  /** Takes pending items, in the order of the input, for as long as the owner's lease. */
  readonly claim: (
    batch: string,
    owner: string,
    most: number
  ) => Effect.Effect<ReadonlyArray<Claimed>, LeaseLost | LedgerUnavailable>
  /** Writes down what has become of items; those that are no longer this owner's are left as they are. */
  readonly settle: (
    batch: string,
    owner: string,
    items: ReadonlyArray<Settled>
  ) => Effect.Effect<void, LedgerUnavailable>
  /** `undefined` for a batch that is not there. */
  readonly counts: (batch: string) => Effect.Effect<Counts | undefined, LedgerUnavailable>
  /** Rows in the order of the input, also while it runs. */
  readonly rows: (
    batch: string,
    which?: { readonly states?: ReadonlyArray<State>; readonly class?: string | undefined }
  ) => Stream.Stream<Row, LedgerUnavailable>
  /** Makes failed items (of one class, if given) pending again, with no attempts behind them. Says how many. */
  readonly redrive: (batch: string, only?: string) => Effect.Effect<number, LedgerUnavailable>
  /** Forgets a batch. Fails with `BatchBusy` while an owner is alive, as `cancel` sees it. Says how many items it had. */
  readonly purge: (batch: string) => Effect.Effect<number, BatchBusy | LedgerUnavailable>
  /** Keeps a text about how a batch is run, for those who go on with it; creates the batch if it is not there. */
  readonly keepPlan: (batch: string, plan: string) => Effect.Effect<void, LedgerUnavailable>
  /** The text that was kept. */
  readonly plan: (batch: string) => Effect.Effect<string | undefined, LedgerUnavailable>
  /** The names of all batches. */
  readonly batches: Effect.Effect<ReadonlyArray<string>, LedgerUnavailable>
  /** How long until an item that has to wait may be claimed; `undefined` if none does. */
  readonly nextDue: (batch: string) => Effect.Effect<number | undefined, LedgerUnavailable>
}
