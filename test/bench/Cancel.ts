/**
 * How long a cancelled call holds its caller, and how long the server: ours beside what programs usually do.
 *
 * `npm run bench:cancel` prints a table, with `--json` an array; `--rounds 20` measures ours so often (default 50).
 * Numbers are milliseconds from the interruption. A server that is never told works until the call ends by itself.
 */
import { Cause, Effect, Exit, Fiber, Layer, type Scope } from "effect"
import { parseArgs } from "node:util"
import * as Http from "../Source/Http/Adapter.ts"
import * as Mongo from "../Source/Mongo/Adapter.ts"
import * as Mysql from "../Source/Mysql/Adapter.ts"
import * as Postgres from "../Source/Postgres/Adapter.ts"
import * as Redis from "../Source/Redis/Adapter.ts"
import * as Sqlite from "../Source/Sqlite/Adapter.ts"
import type { Adapter } from "../Source/contract/Adapter.ts"
import type { Address } from "../Servers.ts"
import { start } from "../Servers/Instance.ts"
import { find, recipes } from "../Servers/Recipes.ts"
import * as Stock from "./Stock.ts"

/** How long the calls would take, and how often those are measured that are not stopped. */
const length = 6_000
const few = 3

interface Pair<R, S> {
  readonly backend: string
  readonly ours: Adapter<R>
  readonly stock?: Stock.Client<S>
}

interface Measured {
  readonly backend: string
  readonly client: string
  readonly pool: "free" | "saturated"
  readonly rounds: number
  readonly caller: { readonly p50: number; readonly p95: number }
  readonly server: { readonly p50: number; readonly p95: number }
}

const pair = <R, S>(backend: string, ours: Adapter<R>, stock?: Stock.Client<S>): Pair<R, S> =>
  stock === undefined ? { backend, ours } : { backend, ours, stock }

/** A row more is a line more. */
const all = (rounds: number) => [
  measure(pair("PostgreSQL", Postgres.adapter, Stock.postgres), rounds),
  measure(pair("MariaDB", Mysql.adapter, Stock.mysql), rounds),
  measure(pair("SQLite", Sqlite.adapter), rounds),
  measure(pair("Redis", Redis.adapter, Stock.redis), rounds),
  measure(pair("MongoDB (stub)", Mongo.stub, Stock.mongo), rounds),
  measure(pair("HTTP", Http.adapter, Stock.http), rounds)
]

const measure = <R, S>({ backend, ours, stock }: Pair<R, S>, rounds: number) =>
  Effect.gen(function* () {
    const server = yield* serve(backend, ours)
    if (server === undefined) return []
    const { busy } = yield* ours.watch(server)
    const clients = [
      { client: { ...ours, name: "muster" }, often: rounds },
      ...(stock === undefined ? [] : [{ client: stock, often: few }])
    ]
    const rows: Array<Measured> = []
    for (const { client, often } of clients)
      for (const pool of ["free", "saturated"] as const) {
        process.stderr.write(`${backend}, ${client.name}, ${pool} pool: ${often} rounds\n`)
        // The cast: each client has the layer that its calls need.
        const times = yield* timesOf(client as Stock.Client<unknown>, server.url, pool, often, busy)
        const of = (side: "caller" | "server") => {
          const sorted = times.map((time) => time[side]).toSorted((a, b) => a - b)
          const at = (percent: number) => round(sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? NaN)
          return { p50: at(50), p95: at(95) }
        }
        rows.push({ backend, client: client.name, pool, rounds: often, caller: of("caller"), server: of("server") })
      }
    return rows
  }).pipe(Effect.scoped)

const round = (millis: number) => Math.round(millis * 10) / 10

/** A server of its own; none, with a line that says so, where it is not installed. */
const serve = <R>(backend: string, { kind }: Adapter<R>): Effect.Effect<Address | undefined, never, Scope.Scope> => {
  if (typeof kind !== "string") return kind({})
  if (find(kind) === undefined) {
    process.stderr.write(`${backend}: ${recipes[kind].name} is not installed: npm run servers\n`)
    return Effect.succeed(undefined)
  }
  return Effect.acquireRelease(
    Effect.promise(() => start(kind)),
    ({ stop }) => Effect.promise(stop)
  )
}

const timesOf = (
  { busyFor, layer }: Stock.Client<unknown>,
  url: string,
  pool: Measured["pool"],
  rounds: number,
  busy: Effect.Effect<number>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(layer(url, { connections: 2, connectTimeout: 2_000 }))
    const call = Effect.provide(busyFor(length), context)
    const until = (isSo: (calls: number) => boolean) => Effect.repeat(Effect.delay(busy, 1), { until: isSo })
    const times: Array<{ caller: number; server: number }> = []
    for (let done = 0; done < rounds; done++) {
      // A pool of two is saturated with two calls that run, and one that waits.
      const fibers = yield* Effect.replicateEffect(Effect.fork(call), pool === "free" ? 1 : 3)
      yield* until((calls) => calls > 0)
      yield* Effect.sleep(20)
      const start = performance.now()
      const idle = yield* Effect.fork(until((calls) => calls === 0))
      yield* Fiber.interruptAll(fibers)
      const caller = performance.now() - start
      yield* Fiber.join(idle)
      times.push({ caller, server: performance.now() - start })
    }
    return times
  }).pipe(Effect.scoped)

const columns = ["backend", "client", "pool", "rounds", "caller p50", "p95", "server p50", "p95"]

const table = (rows: ReadonlyArray<Measured>) => {
  const cells = rows.map(({ backend, caller, client, pool, rounds, server }) =>
    [backend, client, pool, rounds, caller.p50, caller.p95, server.p50, server.p95].map(String)
  )
  const widths = columns.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) =>
    row.map((cell, column) => (column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join("  ")
  return [columns, ...cells].map(line).join("\n")
}

const { values } = parseArgs({ options: { json: { type: "boolean" }, rounds: { type: "string" } } })

const program = Effect.map(
  Effect.forEach(all(Math.max(1, Number(values.rounds ?? 50))), (row) => row),
  (rows) => (values.json ? JSON.stringify(rows.flat(), undefined, 2) : table(rows.flat()))
)

const exit = await Effect.runPromiseExit(program)
if (Exit.isFailure(exit)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
else process.stdout.write(`${exit.value}\n`)
// Promises that nobody can cancel would keep the process.
process.exit(Exit.isFailure(exit) ? 1 : 0)
