/**
 * What can be asked of a MongoDB.
 *
 * @since 0.1.0
 */
import type { Effect, Option, Schema, Stream } from "effect"
import type { AggregateOptions, Db, Document, FindOptions } from "mongodb"
import type { SourceError } from "../../Source.ts"

/** What is set here for each read. */
type Own =
  "signal" | "maxTimeMS" | "timeoutMS" | "timeoutMode" | "raw" | "session" | "explain" | "tailable" | "awaitData"

/**
 * What a document must be like, as MongoDB writes it: `{ type: "phone", price: { $lt: 500 } }`.
 *
 * @since 0.1.0
 * @category models
 */
export type Query = Readonly<Record<string, unknown>>

/**
 * How documents are found; `schema` is what each must be. What the schema of a struct leaves out (often `_id`) is left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface FindSettings<A, I, R> extends Omit<FindOptions, Own> {
  readonly schema: Schema.Schema<A, I, R>
}

/**
 * How documents are aggregated; `schema` is what each must be.
 *
 * @since 0.1.0
 * @category models
 */
export interface AggregateSettings<A, I, R> extends Omit<AggregateOptions, Own | "out"> {
  readonly schema: Schema.Schema<A, I, R>
}

/**
 * What a call of the driver has to be told, so that it ends when it must.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limits {
  /** Aborted when nobody wants the answer; the driver closes the connection, and the server stops. */
  readonly signal: AbortSignal
  /** After so many milliseconds the server stops by itself: what the deadline leaves. */
  readonly maxTimeMS: number
}

/**
 * Reads of a MongoDB.
 *
 * All of them fail with `SourceUnavailable` when no server can be asked, when it gives no answer in time, or one that another
 * moment may change (not the primary, shutting down, out of memory); with `SourceRejected` for any other error of the server
 * or the driver; with `SourceMalformed` for a document that does not fit its schema, and an answer that is too long. No
 * error and no span holds a filter, a document or the password.
 *
 * A whole number that no JavaScript number holds is read as the driver's `Long`, and a decimal as its `Decimal128`. In a filter, a
 * pipeline and a projection, a `bigint` and a `JsonNumber` are sent as these, digit for digit, or refused.
 *
 * A filter is an object, and `{ $ne: null }` in it an operator: a value that comes from outside must be known to be a string
 * or a number (decode it), or stand behind `$eq`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  /** All documents that fit the filter. */
  readonly find: <A, I, R>(
    collection: string,
    filter: Query,
    settings: FindSettings<A, I, R>
  ) => Effect.Effect<ReadonlyArray<A>, SourceError, R>
  /** The first document that fits the filter. */
  readonly findOne: <A, I, R>(
    collection: string,
    filter: Query,
    settings: FindSettings<A, I, R>
  ) => Effect.Effect<Option.Option<A>, SourceError, R>
  /** As `find`, a page at a time (`batchSize` documents); the server's cursor is closed with the stream. */
  readonly findStream: <A, I, R>(
    collection: string,
    filter: Query,
    settings: FindSettings<A, I, R>
  ) => Stream.Stream<A, SourceError, R>
  /** What a pipeline gives. One that ends in `$out` or `$merge` writes, and may go on when it is interrupted. */
  readonly aggregate: <A, I, R>(
    collection: string,
    pipeline: ReadonlyArray<Document>,
    settings: AggregateSettings<A, I, R>
  ) => Effect.Effect<ReadonlyArray<A>, SourceError, R>
  /** As `aggregate`, a page at a time. */
  readonly aggregateStream: <A, I, R>(
    collection: string,
    pipeline: ReadonlyArray<Document>,
    settings: AggregateSettings<A, I, R>
  ) => Stream.Stream<A, SourceError, R>
  /** How many documents fit the filter. */
  readonly count: (collection: string, filter?: Query) => Effect.Effect<number, SourceError>
  /**
   * Anything else that the driver can do: `use((db, limits) => db.collection("products").distinct("type", {}, limits))`. What
   * is not given the limits is not stopped. Its answer is not counted against `maxBytes`.
   */
  readonly use: <A>(run: (db: Db, limits: Limits) => Promise<A>) => Effect.Effect<A, SourceError>
}
