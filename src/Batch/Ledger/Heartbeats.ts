/**
 * Which owners of a batch live. Each counts its heartbeats in its row; one whose count has stood still for a lease, on the
 * clock of the process that looks, is dead. That clock never jumps, and no two clocks are compared.
 *
 * @since 0.1.0
 */

/**
 * An owner as its row has it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Owner {
  readonly owner: string
  readonly exclusive: boolean
  /** In milliseconds, as all times. */
  readonly lease: number
  readonly beats: number
}

interface Seen {
  readonly beats: number
  /** When the count was first seen, on the clock that never jumps. */
  readonly since: number
  /** The count was seen to grow, or was written by this process. */
  readonly beating: boolean
}

/**
 * What one process has seen of the owners of its ledger.
 *
 * @since 0.1.0
 * @category models
 */
export class Heartbeats {
  private readonly batches = new Map<string, Map<string, Seen>>()

  /** Sorts the owners of a batch into dead, alive and unknown; an owner that is seen for the first time is unknown. */
  look(batch: string, owners: ReadonlyArray<Owner>, now: number): Looked {
    const before = this.batches.get(batch)
    const seen = new Map<string, Seen>()
    const looked: Looked = { dead: [], alive: [], unknown: [] }
    for (const one of owners) {
      const last = before?.get(one.owner)
      const isSame = last?.beats === one.beats
      const it = isSame ? last : { beats: one.beats, since: now, beating: last !== undefined }
      const kind = isSame && now - it.since >= one.lease ? "dead" : it.beating ? "alive" : "unknown"
      looked[kind].push(one)
      // A dead one stays known: the transaction that deletes its row may be rolled back.
      seen.set(one.owner, it)
    }
    if (seen.size === 0) this.batches.delete(batch)
    else this.batches.set(batch, seen)
    return looked
  }

  /** This process has written a heartbeat. */
  wrote(batch: string, owner: string, beats: number, now: number): void {
    const seen = this.batches.get(batch) ?? new Map<string, Seen>()
    this.batches.set(batch, seen.set(owner, { beats, since: now, beating: true }))
  }
}

/**
 * The owners of a batch, by whether they are alive.
 *
 * @since 0.1.0
 * @category models
 */
export type Looked = { readonly [kind in "dead" | "alive" | "unknown"]: Array<Owner> }
