/**
 * What an item is called.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import type { RunOptions } from "./Run.ts"

/**
 * The options of policies over items.
 *
 * @since 0.1.0
 * @category models
 */
export interface ItemOptions<I> extends RunOptions {
  /** Names an item in errors and receipts, and keys the outcomes of `collectEach`; default: its position. */
  readonly id?: ((item: I, index: number) => string) | undefined
  /** How many items of a Stream may be pulled beyond those being worked on; default zero. */
  readonly buffer?: number | undefined
}

/**
 * Two items have one id. It is raised as a defect, for a list before anything is asked: a result could not be told from
 * the other's.
 *
 * @since 0.1.0
 * @category errors
 */
export class DuplicateId extends Schema.TaggedError<DuplicateId>("effect-muster/Gather/DuplicateId")("DuplicateId", {
  id: Schema.String,
  /** The positions of the two, counted from 0. */
  first: Schema.Number,
  second: Schema.Number
}) {
  override get message() {
    return `Items ${this.first} and ${this.second} have the same id "${this.id}"; ids must be unique`
  }
}

/**
 * Gives each item its name, and refuses a name given twice.
 *
 * @since 0.1.0
 * @category constructors
 */
export const namer = <I>(options: ItemOptions<I> | undefined) => {
  const seen = new Map<string, number>()
  return (item: I, index: number): string => {
    if (options?.id === undefined) return String(index)
    const id = options.id(item, index)
    const first = seen.get(id)
    if (first !== undefined) throw new DuplicateId({ id, first, second: index })
    seen.set(id, index)
    return id
  }
}
