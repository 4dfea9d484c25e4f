/**
 * The store of a rate limit within one process. Time is given as `Deadline.now` gives it.
 *
 * @since 0.1.0
 */
import { Alarms } from "../Alarms.ts"
import type { Rule } from "./Rule.ts"
import type { Taken } from "./Store.ts"

/**
 * What was taken of one key.
 *
 * @since 0.1.0
 * @category models
 */
interface Account {
  /** In how many milliseconds so many turns could be taken. */
  readonly waitOf: (count: number, now: number) => number
  /** How many could be taken now. */
  readonly free: (now: number) => number
  readonly take: (count: number, now: number) => void
  readonly giveBack: (count: number, at: number) => void
  readonly pause: (until: number) => void
  /** True when it is as if nothing had ever been taken. */
  readonly isIdle: (now: number) => boolean
}

/**
 * A store whose keys cost nothing once they are idle.
 *
 * @since 0.1.0
 * @category models
 */
export class Memory {
  private readonly accounts = new Map<string | undefined, Account>()
  /** At so many accounts, the idle ones are looked for. */
  private full = 1_000

  constructor(private readonly rule: Rule) {}

  get size(): number {
    return this.accounts.size
  }

  take(key: string | undefined, least: number, wanted: number, now: number): Taken {
    const account = this.account(key, now)
    const wait = account.waitOf(least, now)
    if (wait > Alarms.tolerance) return { count: 0, at: now, wait }
    const count = Math.max(least, Math.min(wanted, account.free(now)))
    account.take(count, now)
    return { count, at: now, wait: 0 }
  }

  /** In how many milliseconds so many turns have come, if nobody else takes any. */
  waitOf(key: string | undefined, count: number, now: number): number {
    return Math.max(0, this.account(key, now).waitOf(count, now))
  }

  giveBack(key: string | undefined, count: number, at: number): void {
    this.accounts.get(key)?.giveBack(count, at)
  }

  pause(key: string | undefined, millis: number, now: number): void {
    this.account(key, now).pause(now + millis)
  }

  private account(key: string | undefined, now: number): Account {
    const found = this.accounts.get(key)
    if (found !== undefined) return found
    if (this.accounts.size >= this.full) this.sweep(now)
    const made = this.rule.kind === "token-bucket" ? bucket(this.rule) : window(this.rule)
    this.accounts.set(key, made)
    return made
  }

  private sweep(now: number): void {
    for (const [key, account] of this.accounts) if (account.isIdle(now)) this.accounts.delete(key)
    this.full = Math.max(1_000, 2 * this.accounts.size)
  }
}

/** A bucket as one number: when it will be full again. */
const bucket = ({ burst, limit, per }: Rule & { readonly kind: "token-bucket" }): Account => {
  const each = per / limit
  let fullAt = -Infinity
  let pausedUntil = -Infinity
  return {
    waitOf: (count, now) => Math.max(Math.max(fullAt, now) + (count - burst) * each, pausedUntil) - now,
    free: (now) => Math.min(burst, Math.floor(burst - (fullAt - now - Alarms.tolerance) / each)),
    take: (count, now) => (fullAt = Math.max(fullAt, now) + count * each),
    giveBack: (count) => (fullAt -= count * each),
    pause: (until) => {
      pausedUntil = Math.max(pausedUntil, until)
      // At its end the first turn comes, and not a burst.
      fullAt = Math.max(fullAt, until + (burst - 1) * each)
    },
    isIdle: (now) => fullAt <= now && pausedUntil <= now
  }
}

/** A window as the instants of the turns in it, the oldest first. */
const window = (rule: Rule & { readonly kind: "sliding-window" }): Account => {
  const { limit, per } = rule
  let turns: Array<number> = []
  /** Those before it have left the window. */
  let oldest = 0
  let pausedUntil = -Infinity

  const inside = (now: number) => {
    while (oldest < turns.length && turns[oldest]! + per <= now + Alarms.tolerance) oldest += 1
    // Now and then, so that it costs little.
    if (oldest > limit) {
      turns = turns.slice(oldest)
      oldest = 0
    }
    return turns.length - oldest
  }
  // Each turn comes `per` after the one that is `limit` before it, wherever that is known.
  const waitOf = (count: number, now: number) => {
    const missing = inside(now) + count - limit
    if (missing <= 0) return Math.max(0, pausedUntil - now)
    const rounds = Math.ceil(missing / limit)
    const before = turns[oldest + missing - 1 - (rounds - 1) * limit]
    const first = Math.max(now, pausedUntil, before === undefined ? -Infinity : before + per)
    return first + (before === undefined ? rounds : rounds - 1) * per - now
  }
  return {
    waitOf,
    free: (now) => limit - inside(now),
    take: (count, now) => {
      for (let turn = 0; turn < count; turn++) turns.push(now)
    },
    giveBack: (count, at) => {
      for (let left = count, place = turns.length - 1; left > 0 && place >= oldest; place--) {
        if (turns[place] !== at) continue
        turns.splice(place, 1)
        left -= 1
      }
    },
    pause: (until) => (pausedUntil = Math.max(pausedUntil, until)),
    isIdle: (now) => inside(now) === 0 && pausedUntil <= now
  }
}
