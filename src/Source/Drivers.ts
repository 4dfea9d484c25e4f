/**
 * The drivers of the services of a file, each loaded when the first service of its kind is made.
 *
 * @since 0.1.0
 */
import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Layer, Redacted, Schema, type Scope } from "effect"
import { Drivers, type Questions, type ServiceSettings, type SourceError } from "../Source.ts"
import type { DriverMissing } from "./Driver.ts"
import { plain } from "./Plain.ts"

type Made<K extends keyof Questions> = Effect.Effect<
  (question: Questions[K]) => Effect.Effect<unknown, SourceError>,
  DriverMissing,
  Scope.Scope
>

const http = (settings: ServiceSettings): Made<"http"> =>
  Effect.flatMap(
    Effect.promise(() => import("./Http.ts")),
    ({ service }) => service(settings)
  )

/** Asks a client of any SQL database. */
const asking = (client: Effect.Effect<SqlClient, DriverMissing, Scope.Scope>): Made<"postgres"> =>
  Effect.gen(function* () {
    const Sql = yield* Effect.promise(() => import("./Sql.ts"))
    const sql = yield* client
    return ({ params, text }) => {
      // What tells a template from a name is that it has its raw text too.
      const template = Object.assign([...text], { raw: text })
      return Effect.map(Sql.query(Schema.Unknown, sql(template, ...params)), plain)
    }
  })

const postgres = (settings: ServiceSettings): Made<"postgres"> =>
  asking(
    Effect.flatMap(
      Effect.promise(() => import("./Postgres.ts")),
      (Postgres) => Postgres.make(settings)
    )
  )

const mysql = (settings: ServiceSettings): Made<"mysql"> =>
  asking(
    Effect.flatMap(
      Effect.promise(() => import("./Mysql.ts")),
      (Mysql) => Mysql.make(settings)
    )
  )

const sqlite = ({ url, ...settings }: ServiceSettings): Made<"sqlite"> =>
  asking(
    Effect.flatMap(
      Effect.promise(() => import("./Sqlite.ts")),
      (Sqlite) => Sqlite.make({ ...settings, filename: Redacted.value(url) })
    )
  )

const redis = (settings: ServiceSettings): Made<"redis"> =>
  Effect.gen(function* () {
    const { json, make, Redis } = yield* Effect.promise(() => import("./Redis.ts"))
    const client = yield* make(settings)
    return (question) =>
      "key" in question
        ? Effect.map(Effect.provideService(json(question.key, { schema: Schema.Unknown }), Redis, client), orNull)
        : Effect.map(client.command(...question.command), plain)
  })

const orNull = <A>(option: { readonly _tag: "None" } | { readonly _tag: "Some"; readonly value: A }): A | null =>
  option._tag === "Some" ? option.value : null

const mongo = (settings: ServiceSettings): Made<"mongo"> =>
  Effect.gen(function* () {
    const { make } = yield* Effect.promise(() => import("./Mongo.ts"))
    const client = yield* make(settings)
    const schema = Schema.Unknown
    return ({ collection, read }) => {
      if ("pipeline" in read) return Effect.map(client.aggregate(collection, read.pipeline, { schema }), plain)
      const { find, limit, project, sort } = read
      const options = {
        schema,
        ...(limit === undefined ? {} : { limit }),
        ...(project === undefined ? {} : { projection: project }),
        // The driver reads any object whose values are directions; what is none, the server refuses.
        ...(sort === undefined ? {} : { sort: sort as Readonly<Record<string, 1 | -1>> })
      }
      return Effect.map(client.find(collection, find, options), plain)
    }
  })

/**
 * All of them. None is loaded before it is used.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Drivers> = Layer.succeed(Drivers, { http, postgres, mysql, sqlite, redis, mongo })
