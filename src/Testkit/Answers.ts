/**
 * Reads the exit of a program as an answer of the model.
 *
 * @since 0.1.0
 */
import { Cause, Chunk, type Exit, Option } from "effect"
import { SourceFailed } from "../Aggregator.ts"
import { DeadlineExceeded } from "../Deadline.ts"
import { QuorumNotReached } from "../Gather.ts"
import { type Outcome, SourceDied, status } from "../Outcome.ts"
import type { Rules, Told } from "./Model.ts"

/**
 * Reads the exit of a policy of `Gather` or `Aggregator`, whose sources had these names.
 *
 * @since 0.1.0
 * @category getters
 */
export const told =
  (policy: Rules["policy"], names: ReadonlyArray<string>) =>
  (exit: Exit.Exit<unknown, unknown>): Told =>
    exit._tag === "Success" ? success(policy, names, exit.value) : failure(exit.cause)

const success = (policy: Rules["policy"], names: ReadonlyArray<string>, value: unknown): Told => {
  switch (policy) {
    case "group":
      return { tag: "done" }
    case "first":
      return { tag: "values", values: { first: value } }
    case "collect":
      return { tag: "outcomes", outcomes: entries(names, value).map(([name, one]) => [name, outcome(one)]) }
    case "stream":
      return { tag: "outcomes", outcomes: arrivals(value) }
    case "failFast":
    case "quorum":
      return {
        tag: "values",
        values: Object.fromEntries(entries(names, value).map(([name, one]) => [name, plain(one)]))
      }
  }
}

const failure = (cause: Cause.Cause<unknown>): Told => {
  const error = Cause.failureOption(cause)
  if (Option.isSome(error)) return failed(error.value)
  const defect = Option.getOrUndefined(Cause.dieOption(cause))
  return { tag: "died", source: defect instanceof SourceDied ? defect.source : Cause.pretty(cause) }
}

const failed = (error: unknown): Told => {
  if (error instanceof DeadlineExceeded) return { tag: "deadline", pending: error.pending }
  if (error instanceof QuorumNotReached) return { tag: "not-reached" }
  return { tag: "failed", error: error instanceof SourceFailed ? error.error : error }
}

/** The answer by name, whether it came as a struct, a map or a list. */
const entries = (names: ReadonlyArray<string>, value: unknown): ReadonlyArray<readonly [string, unknown]> => {
  if (value instanceof Map) return Array.from(value)
  if (Array.isArray(value)) return value.map((one: unknown, index) => [names[index] ?? String(index), one])
  return Object.entries(value ?? {})
}

const outcome = (one: unknown): string => (isOutcome(one) ? status(one) : "no outcome")

const isOutcome = (one: unknown): one is Outcome<unknown, unknown> =>
  typeof one === "object" && one !== null && "_tag" in one

const arrivals = (value: unknown): ReadonlyArray<readonly [string, string]> => {
  const all = Chunk.isChunk(value) ? Chunk.toReadonlyArray(value) : value
  return Array.isArray(all) ? all.map(([name, one]: [string, unknown]) => [name, outcome(one)] as const) : []
}

const plain = (one: unknown): unknown =>
  Option.isOption(one) ? (one._tag === "Some" ? { some: one.value } : "none") : one
