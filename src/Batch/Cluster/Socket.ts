/**
 * How the processes of a cluster reach each other: by sockets, and through the Postgres that has the ledger.
 *
 * @since 0.1.0
 */
import type { MessageStorage } from "@effect/cluster/MessageStorage"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as RunnerHealth from "@effect/cluster/RunnerHealth"
import * as RunnerServer from "@effect/cluster/RunnerServer"
import * as Runners from "@effect/cluster/Runners"
import type { Sharding } from "@effect/cluster/Sharding"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SqlMessageStorage from "@effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as SocketServer from "@effect/platform/SocketServer"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as RpcServer from "@effect/rpc/RpcServer"
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Layer, Option, Schedule } from "effect"

/** Of the tables, so that they are no other cluster's. */
const prefix = "muster_cluster"

/** Locks are kept as long as `@effect/cluster` has it; what is asked now and then is asked more often. */
const config = {
  ...ShardingConfig.defaults,
  entityMessagePollInterval: "1 second",
  refreshAssignmentsInterval: "1 second",
  runnerHealthCheckInterval: "5 seconds",
  // Nothing is waited for: items do not end with the lane that their order came by.
  entityTerminationTimeout: "1 second"
} as const

/**
 * The tables, made one process after the other: two that start together on an empty database would get in each other's way.
 */
const storage = Layer.scopedContext(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const scope = yield* Effect.scope
    const layers = Layer.mergeAll(SqlMessageStorage.layerWith({ prefix }), SqlRunnerStorage.layerWith({ prefix }))
    const context = yield* Effect.scoped(
      Effect.gen(function* () {
        const connection = yield* sql.reserve
        yield* Effect.acquireRelease(connection.executeRaw(`SELECT pg_advisory_lock(${lock})`, []), () =>
          Effect.ignore(connection.executeRaw(`SELECT pg_advisory_unlock(${lock})`, []))
        )
        return yield* Layer.buildWithScope(layers, scope)
      })
    )
    yield* sql
      .unsafe(sweep)
      .pipe(Effect.ignore, Effect.repeat(Schedule.spaced("10 seconds")), Effect.interruptible, Effect.forkScoped)
    return context
  })
)

/** Any number that nobody else locks. */
const lock = 7338112691

/** Answers that came late: their order was forgotten with its run. */
const sweep = `DELETE FROM ${prefix}_replies AS r
  WHERE NOT EXISTS (SELECT 1 FROM ${prefix}_messages AS m WHERE m.id = r.request_id)`

const clients = Layer.provideMerge(NodeClusterSocket.layerClientProtocol, RpcSerialization.layerMsgPack)

/**
 * For a process that only gives orders. It listens nowhere.
 *
 * @since 0.1.0
 * @category layers
 */
export const client: Layer.Layer<Sharding | MessageStorage, SqlError, SqlClient.SqlClient> =
  RunnerServer.layerClientOnly.pipe(
    Layer.provideMerge(storage),
    Layer.provide(clients),
    Layer.provide(ShardingConfig.layer(config))
  )

/**
 * For a worker. The others reach it at `host` and `port`; default: `127.0.0.1`, which is for workers on one machine, and a
 * port that is free. There is no password on it: it is for a network where everybody may give orders.
 *
 * @since 0.1.0
 * @category layers
 */
export const runner = (
  address: { readonly host?: string | undefined; readonly port?: number | undefined } = {}
): Layer.Layer<Sharding | MessageStorage, SqlError | SocketServer.SocketServerError, SqlClient.SqlClient> => {
  const { host = "127.0.0.1", port = 0 } = address
  const found = Layer.effect(
    ShardingConfig.ShardingConfig,
    Effect.map(SocketServer.SocketServer, (server) => ({
      ...config,
      runnerAddress: Option.some(
        RunnerAddress.make(host, server.address._tag === "TcpAddress" ? server.address.port : port)
      )
    }))
  )
  const health = Layer.provide(RunnerHealth.layerPing, Runners.layerRpc)
  return RunnerServer.layerWithClients.pipe(
    Layer.provide(RpcServer.layerProtocolSocketServer),
    Layer.provide(health),
    Layer.provideMerge(storage),
    Layer.provide(clients),
    Layer.provide(found),
    Layer.provide(NodeSocketServer.layer({ host, port }))
  )
}
