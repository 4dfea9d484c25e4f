/**
 * How a MongoDB is read: each read stops in the server when nobody wants its answer, and at the latest at the deadline.
 *
 * @since 0.1.0
 */
import { Chunk, Duration, Effect, identity, Option, Schema, Stream } from "effect"
import type { AbstractCursor, AggregateOptions, Db, Document, FindOptions } from "mongodb"
import * as Deadline from "../../Deadline.ts"
import { Asking } from "../../Receipt/Asking.ts"
import * as Fault from "../Fault.ts"
import * as Mismatch from "../Mismatch.ts"
import { slack } from "../Pool/Lease.ts"
import type { Client, Limits, Query } from "./Client.ts"
import { faultOf, type Module } from "./Errors.ts"
import * as Pages from "./Pages.ts"
import type { Checked } from "./Settings.ts"
import { toBson } from "./Values.ts"

/**
 * Makes a client of checked settings.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (mongodb: Module, { commandTimeout, connection, maxBytes, where }: Checked): Client => {
  const failed = (doing: string, fault: Fault.Fault) =>
    Effect.flatMap(Asking, ({ name }) =>
      Effect.fail(Fault.toError(name, where, new Fault.Fault(fault.kind, `${doing}: ${fault.reason}`)))
    )

  /** The driver's part: within the limits, with its errors as those of the source. */
  const attempt = <A>(doing: string, run: (db: Db, limits: Limits) => Promise<A>) =>
    Effect.flatMap(Deadline.remaining, (remaining) => {
      const left = Duration.toMillis(remaining)
      if (left <= 0) return failed(doing, Fault.unavailable("the deadline had passed before it was asked"))
      const maxTimeMS = Math.max(1, Math.ceil(Math.min(left, commandTimeout)))
      return Effect.tryPromise({
        try: async (signal) => {
          const db = await connection.db()
          signal.throwIfAborted()
          return run(db, { signal, maxTimeMS })
        },
        catch: (error) => error
      }).pipe(
        Effect.catchAll((error) => {
          const fault = faultOf(mongodb, error)
          return fault === undefined ? Effect.die(error) : Effect.fail(fault)
        }),
        left === Infinity ? identity : Effect.timeoutFail({ duration: left + slack, onTimeout: () => late }),
        Effect.catchAll((fault) => failed(doing, fault))
      )
    })

  const find =
    (collection: string, filter: Query, settings: FindOptions): Open =>
    (db, limits) => {
      const { projection } = settings
      const projected = projection === undefined ? {} : { projection: toBson(mongodb, "the projection", projection) }
      const options = { ...settings, ...projected, ...limits, raw: true }
      return db.collection(collection).find(toBson(mongodb, "the filter", filter), options)
    }

  const aggregate =
    (collection: string, pipeline: ReadonlyArray<Document>, settings: AggregateOptions): Open =>
    (db, limits) => {
      const stages = toBson(mongodb, "the pipeline", Array.from(pipeline))
      return db.collection(collection).aggregate(stages, { ...settings, ...limits, raw: true })
    }

  const decode = <A, I, R>(doing: string, schema: Schema.Schema<A, I, R>) => {
    const decoded = Schema.decodeUnknown(schema)
    return (value: unknown) =>
      Effect.catchAll(decoded(value), ({ issue }) => failed(doing, Fault.malformed(Mismatch.describe(issue))))
  }

  const read = (doing: string, open: Open) =>
    attempt(doing, (db, limits) => Pages.readAll(mongodb, open(db, limits), { signal: limits.signal, maxBytes }))

  const stream = <A, I, R>(doing: string, schema: Schema.Schema<A, I, R>, open: Open) =>
    Effect.gen(function* () {
      const controller = new AbortController()
      const { signal } = controller
      // The driver closes the cursor, and the connection on which a page is awaited.
      yield* Effect.addFinalizer(() => Effect.sync(() => controller.abort()))
      const decodePage = decode(doing, Schema.Array(schema))
      let cursor: AbstractCursor | undefined
      const next = attempt(doing, (db, { maxTimeMS }) => {
        cursor ??= open(db, { signal, maxTimeMS })
        return Pages.readNext(mongodb, cursor, { signal, maxBytes })
      })
      return Stream.repeatEffectChunkOption(
        Effect.flatMap(Effect.mapError(next, Option.some), (page) =>
          page === undefined
            ? Effect.fail(Option.none())
            : Effect.mapBoth(decodePage(page), { onSuccess: Chunk.unsafeFromArray, onFailure: Option.some })
        )
      )
    }).pipe(Stream.unwrapScoped)

  return {
    find: (collection, filter, { schema, ...settings }) =>
      read("find", find(collection, filter, settings)).pipe(
        Effect.flatMap(decode("find", Schema.Array(schema))),
        traced("find", collection)
      ),
    findOne: (collection, filter, { schema, ...settings }) =>
      read("findOne", find(collection, filter, { ...settings, limit: -1 })).pipe(
        Effect.flatMap((found) =>
          found.length === 0 ? Effect.succeedNone : Effect.asSome(decode("findOne", schema)(found[0]))
        ),
        traced("findOne", collection)
      ),
    findStream: (collection, filter, { schema, ...settings }) =>
      Stream.withSpan(
        stream("find", schema, find(collection, filter, settings)),
        "Mongo.find",
        span("find", collection)
      ),
    aggregate: (collection, pipeline, { schema, ...settings }) =>
      read("aggregate", aggregate(collection, pipeline, settings)).pipe(
        Effect.flatMap(decode("aggregate", Schema.Array(schema))),
        traced("aggregate", collection)
      ),
    aggregateStream: (collection, pipeline, { schema, ...settings }) =>
      Stream.withSpan(
        stream("aggregate", schema, aggregate(collection, pipeline, settings)),
        "Mongo.aggregate",
        span("aggregate", collection)
      ),
    count: (collection, filter = {}) =>
      traced(
        "count",
        collection
      )(
        attempt("count", (db, limits) =>
          db.collection(collection).countDocuments(toBson(mongodb, "the filter", filter), { ...limits })
        )
      ),
    use: (run) => traced("use")(attempt("use", run))
  }
}

type Open = (db: Db, limits: Limits) => AbstractCursor

const late = Fault.unavailable("no answer before the deadline")

const span = (operation: string, collection?: string) =>
  ({
    kind: "client",
    captureStackTrace: false,
    attributes: {
      "db.system.name": "mongodb",
      "db.operation.name": operation,
      ...(collection === undefined ? {} : { "db.collection.name": collection })
    }
  }) as const

const traced = (operation: string, collection?: string) =>
  Effect.withSpan(`Mongo.${operation}`, span(operation, collection))
