/**
 * muster asks many sources at once and answers on time, or fails at once, with everything it started stopped.
 *
 * Adapters for databases and protocols are not here: import them by path, `effect-muster/Source/Http`.
 *
 * @since 0.1.0
 */

export { Aggregator, type AggregatorOptions, SourceFailed } from "./Aggregator.ts"
export * as Aggregation from "./Aggregation.ts"
export * as Batch from "./Batch.ts"
export * as Cleanup from "./Cleanup.ts"
export * as Deadline from "./Deadline.ts"
export { DeadlineExceeded } from "./Deadline.ts"
export * as Gather from "./Gather.ts"
export { QuorumNotReached } from "./Gather.ts"
export * as Group from "./Group.ts"
export * as Json from "./Json.ts"
export { InvalidOption } from "./Options.ts"
export * as Outcome from "./Outcome.ts"
export { SourceDied, SourceTimedOut } from "./Outcome.ts"
export * as Permits from "./Permits.ts"
export * as Plain from "./Plain.ts"
export * as Receipt from "./Receipt.ts"
export * as Recording from "./Receipt/Recording.ts"
export * as Resilience from "./Resilience.ts"
export * as Source from "./Source.ts"
export * as Testkit from "./Testkit.ts"
