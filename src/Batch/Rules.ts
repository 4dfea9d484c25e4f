/**
 * What the failure of one item means for a batch, by the class of the error. Rules are data: they can be read from a file
 * and shown to a person.
 *
 * @since 0.1.0
 */
import { Cause, Option } from "effect"
import * as Options from "../Options.ts"
import { describe } from "../Receipt.ts"
import type { Failure } from "./Ledger.ts"

/**
 * - `stop`: the batch stops at once; nothing else would fare better, such as with a wrong password (401).
 * - `slow`: nothing is started for as long as the error says (`retryAfter`), else for a second, doubled each time up to a
 *   minute; then the item is tried again, until its attempts are used up.
 * - `retry`: the item is tried again, after a second, doubled each time, until its attempts are used up.
 * - `record`: the item has failed; the batch goes on.
 *
 * @since 0.1.0
 * @category models
 */
export type Action = "stop" | "slow" | "retry" | "record"

/**
 * The action for each class of error; `default` for those that have none.
 *
 * @since 0.1.0
 * @category models
 */
export type Rules = { readonly [errorClass: string]: Action } & { readonly default: Action }

/**
 * The rules that hold when nothing else is said: HTTP statuses, and the errors of sources by their tag.
 *
 * @since 0.1.0
 * @category models
 */
export const standard: Rules = {
  "401": "stop",
  "403": "stop",
  "429": "slow",
  SourceUnavailable: "retry",
  SourceTimedOut: "retry",
  DeadlineExceeded: "retry",
  default: "record"
}

/**
 * The class of a failed item that died of a defect. It is recorded, whatever the default: to run a bug again does not mend
 * it.
 *
 * @since 0.1.0
 * @category models
 */
export const defect = "Defect"

/**
 * What is known of a failure.
 *
 * @since 0.1.0
 * @category models
 */
export interface Classified {
  readonly failure: Failure
  readonly action: Action
  /** Milliseconds that the source asked to be left alone. */
  readonly retryAfter: number | undefined
}

/**
 * Reads the cause of a failed item.
 *
 * Its class is its HTTP `status` if it has one, `429` if it says when to come back, else its `_tag`, else its name. A class
 * without a rule goes by the rule for the tag: a 503 that is a `SourceUnavailable` is retried. The error of a source that an
 * aggregation wraps in `SourceFailed` counts as itself.
 *
 * @since 0.1.0
 * @category getters
 */
export const classify = <E>(
  cause: Cause.Cause<E>,
  rules: Rules = standard,
  classOf: (error: E) => string | undefined = () => undefined
): Classified => {
  const error = Cause.failureOption(cause)
  if (Option.isNone(error)) {
    const { message } = describe(Cause.squash(cause))
    const action = Object.hasOwn(rules, defect) ? rules[defect] : undefined
    return { failure: { class: defect, message }, action: action ?? "record", retryAfter: undefined }
  }
  const inner = unwrapped(error.value)
  const { message, tag } = describe(inner)
  const retryAfter = numberAt(inner, "retryAfter")
  const status = numberAt(inner, "status")
  const named = classOf(error.value)
  const found = named ?? status?.toString() ?? (retryAfter === undefined ? tag : "429")
  const ruleOf = (name: string) => (Object.hasOwn(rules, name) ? rules[name] : undefined)
  const action = ruleOf(found) ?? (named === undefined ? ruleOf(tag) : undefined) ?? rules.default
  return { failure: { class: found, message }, action, retryAfter }
}

const unwrapped = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "SourceFailed" && "error" in error
    ? error.error
    : error

const numberAt = (error: unknown, key: "retryAfter" | "status"): number | undefined => {
  // The cast: an object may have any key.
  const value = typeof error === "object" && error !== null ? (error as Record<string, unknown>)[key] : undefined
  return typeof value === "number" && Number.isFinite(value) ? value : undefined
}

const second = 1_000
const minute = 60_000

/**
 * How long to wait before the next attempt, in milliseconds: a second, doubled for each that has failed, up to a minute.
 *
 * @since 0.1.0
 * @category getters
 */
export const backoff = (failed: number): number => Math.min(minute, second * 2 ** Math.max(0, failed - 1))

/**
 * When a batch has seen enough failures.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tolerance {
  /** It stops when more items than this have failed. */
  readonly count?: number | undefined
  /** It stops when more than this part of the items that have ended has failed, once `least` have: `0.05` is 5 %. */
  readonly ratio?: number | undefined
  /** Default 100. */
  readonly least?: number | undefined
}

/**
 * Checks a tolerance, and gives the test for it.
 *
 * @since 0.1.0
 * @category checks
 */
export const exceeds = (where: string, tolerance: Tolerance | undefined) => {
  const count = Math.trunc(
    tolerance?.count === undefined ? Infinity : Options.count(where, "tolerance.count", tolerance.count, 0)
  )
  const least = Options.count(where, "tolerance.least", tolerance?.least ?? 100)
  const ratio = tolerance?.ratio ?? Infinity
  if (!(ratio >= 0)) Options.refuse(where, "tolerance.ratio", ratio, "a part from 0 to 1, such as 0.05")
  return ({ done, failed }: { readonly done: number; readonly failed: number }): boolean =>
    failed > count || (done + failed >= least && failed > ratio * (done + failed))
}
