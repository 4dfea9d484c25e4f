/**
 * How many calls may be made in which time.
 *
 * @since 0.1.0
 */
import type { Duration } from "effect"
import * as Options from "../../Options.ts"
import * as Bounds from "../Bounds.ts"

/**
 * How many turns there are. `per` is in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export type Rule =
  | { readonly kind: "token-bucket"; readonly limit: number; readonly per: number; readonly burst: number }
  | { readonly kind: "sliding-window"; readonly limit: number; readonly per: number }

/**
 * A rate.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rate {
  /** So many calls, a whole number from 1 up… */
  readonly limit: number
  /** …in this time; default 1 second. */
  readonly per?: Duration.DurationInput | undefined
}

/**
 * Turns come at a steady rate, and up to `burst` of them are saved up while nobody calls: a whole number from 1 up, default a
 * tenth of the limit. In no stretch of `per` are there more than `limit + burst`.
 *
 * @example
 * ```ts
 * RateLimit.tokenBucket({ limit: 50, burst: 5 })
 * ```
 *
 * @since 0.1.0
 * @category rules
 */
export const tokenBucket = (rate: Rate & { readonly burst?: number | undefined }): Rule => {
  const where = "RateLimit.tokenBucket"
  const { limit, per } = read(where, rate)
  const burst = Options.count(where, "burst", rate.burst ?? Math.max(1, Math.floor(limit / 10)))
  return { kind: "token-bucket", limit, per, burst }
}

/**
 * In no stretch of `per`, wherever it begins, are there more than `limit` calls. All of them may be made at once.
 *
 * What it keeps grows with the limit: eight bytes and more for each call of the last `per`. A token bucket keeps one number.
 *
 * @since 0.1.0
 * @category rules
 */
export const slidingWindow = (rate: Rate): Rule => ({
  kind: "sliding-window",
  ...read("RateLimit.slidingWindow", rate)
})

const read = (where: string, { limit, per }: Rate) => ({
  limit: Options.count(where, "limit", limit),
  per: Bounds.span(where, "per", per ?? 1_000)
})

/**
 * How many turns there can be at once.
 *
 * @since 0.1.0
 * @category getters
 */
export const most = (rule: Rule): number => (rule.kind === "token-bucket" ? rule.burst : rule.limit)

/**
 * How many milliseconds after one turn so many more have come at least.
 *
 * @since 0.1.0
 * @category getters
 */
export const spread = (rule: Rule, more: number): number =>
  rule.kind === "token-bucket" ? (more * rule.per) / rule.limit : Math.floor(more / rule.limit) * rule.per
