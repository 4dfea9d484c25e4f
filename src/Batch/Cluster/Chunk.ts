/**
 * What the process that runs a batch and its workers say to each other.
 *
 * @since 0.1.0
 */
import * as ClusterSchema from "@effect/cluster/ClusterSchema"
import * as Entity from "@effect/cluster/Entity"
import * as Rpc from "@effect/rpc/Rpc"
import { Schema } from "effect"
import { Failure } from "../Ledger.ts"
import { Stop } from "../Manifest.ts"

const Action = Schema.Literal("stop", "slow", "retry", "record")

/**
 * An order to run one chunk of a batch: up to `most` items. It names none: the worker claims those that are next when it
 * has hands free. So an order that waits for a worker that is dead holds no items back, and one that comes twice does no
 * harm.
 *
 * @since 0.1.0
 * @category models
 */
export const Order = Schema.Struct({
  batch: Schema.String,
  /** Who gives it: one run of the batch. */
  run: Schema.String,
  most: Schema.Number,
  attempts: Schema.Number,
  rules: Schema.NullOr(Schema.Struct({ default: Action }, { key: Schema.String, value: Action }))
})

/** @since 0.1.0 */
export type Order = typeof Order.Type

/**
 * What became of an order, once its items are written down.
 *
 * @since 0.1.0
 * @category models
 */
export const Answer = Schema.Struct({
  /** Whose numbers these are; they only grow. `null` of a worker that knows no batch of this name. */
  shift: Schema.NullOr(Schema.String),
  /** How many items were claimed for this order. */
  claimed: Schema.Number,
  /** How many items of the run this worker has done, all together. */
  done: Schema.Number,
  failed: Schema.Number,
  inFlight: Schema.Number,
  /** The last that failed. */
  last: Schema.NullOr(Schema.Struct({ id: Schema.String, failure: Failure })),
  stop: Schema.NullOr(Stop)
})

/** @since 0.1.0 */
export type Answer = typeof Answer.Type

/**
 * Who takes orders: one of a batch's lanes, each with one order at a time. Its shard says which worker that is.
 *
 * @since 0.1.0
 * @category models
 */
export const Chunk = Entity.make("muster/Chunk", [Rpc.make("work", { payload: Order, success: Answer })])
  .annotateRpcs(ClusterSchema.Persisted, true)
  // An order is not withdrawn, which would be one more message: whoever ends a run cancels it in the ledger.
  .annotateRpcs(ClusterSchema.Uninterruptible, "client")
