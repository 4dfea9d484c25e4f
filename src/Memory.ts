/**
 * A bound on the bytes that a process holds for its callers: bodies that it reads, answers that it sends, events that wait.
 *
 * @since 0.1.0
 */
import { Context } from "effect"
import { totalmem } from "node:os"
import { getHeapStatistics } from "node:v8"
import * as Options from "./Options.ts"

/**
 * The bytes that may be held at once. What would exceed them is refused at once, and counted.
 *
 * @since 0.1.0
 * @category models
 */
export class Budget {
  /** How many bytes are held. */
  used = 0
  /** How often something was refused. */
  refused = 0

  /** `limit` is a whole number of bytes, or `Infinity` for no bound. */
  constructor(readonly limit: number) {
    if (limit !== Infinity) Options.count("Memory.Budget", "limit", limit)
  }

  /** Opens an account for one request. */
  account(): Account {
    return new Account(this)
  }
}

/**
 * What one request holds of a budget, until it is closed.
 *
 * @since 0.1.0
 * @category models
 */
export class Account {
  private held = 0
  private isClosed = false

  constructor(private readonly budget: Budget) {}

  /** Takes bytes; `false`, and nothing taken, where that would exceed the budget. A closed account takes nothing more. */
  take(bytes: number): boolean {
    const { budget } = this
    if (this.isClosed) return true
    if (budget.used + bytes > budget.limit) {
      budget.refused += 1
      return false
    }
    budget.used += bytes
    this.held += bytes
    return true
  }

  /** Gives back bytes that were taken. */
  give(bytes: number): void {
    if (this.isClosed) return
    this.budget.used -= bytes
    this.held -= bytes
  }

  /** Gives back all that it holds, and takes these bytes instead; `false`, and nothing held, where that would exceed the budget. */
  replace(bytes: number): boolean {
    this.give(this.held)
    return this.take(bytes)
  }

  /** Gives back all that it holds. */
  close(): void {
    this.budget.used -= this.held
    this.held = 0
    this.isClosed = true
  }
}

/**
 * The account of the request that is being answered; without a server there is one without a bound. An adapter takes from it what
 * it reads.
 *
 * @since 0.1.0
 * @category services
 */
export class Current extends Context.Reference<Current>()("effect-muster/Memory/Current", {
  defaultValue: () => new Budget(Infinity).account()
}) {}

/**
 * A quarter of the memory that the process may use, in bytes: of the heap, of the container (cgroup), or of the machine, whichever is
 * least. A body that is read takes up to four times its bytes for a moment: as it came, as text, parsed, and as it leaves.
 *
 * @since 0.1.0
 * @category getters
 */
export const defaultLimit = (): number => {
  // Node says 2^64 where there is no bound.
  const container = process.constrainedMemory() || Infinity
  return Math.floor(Math.min(getHeapStatistics().heap_size_limit, container, totalmem()) / 4)
}
