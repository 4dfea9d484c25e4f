#!/usr/bin/env node
/**
 * The program: picks drivers, screen and exit codes, and runs the command line.
 *
 * @since 0.1.0
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { Cause, Effect, Exit, Layer, Redacted } from "effect"
import { createRequire } from "node:module"
import { relative } from "node:path"
import * as Cli from "./Cli.ts"
import * as Demo from "./Demo.ts"

/** A driver is loaded when a command uses it, so that `--help` loads none. */
const drivers = Layer.succeed(Cli.Drivers, {
  users: (urls) =>
    Layer.unwrapEffect(
      Effect.map(
        Effect.promise(() => import("./Source/Http.ts")),
        (Http) => Layer.provide(Demo.UserServices.layer(urls, Http.json), Http.layer())
      )
    ),
  services: Layer.unwrapEffect(
    Effect.map(
      Effect.promise(() => import("./Source/Drivers.ts")),
      ({ layer }) => layer
    )
  )
})

const script = process.argv[1] ?? ""
const batches = {
  program: script.endsWith(".ts") ? `npx tsx ${relative("", script)}` : "muster",
  ledger: (where: Redacted.Redacted) =>
    Layer.unwrapEffect(
      Effect.promise(async () => {
        const Sql = await import("./Batch/Ledger/Sql.ts")
        const filename = Redacted.value(where)
        if (!/^\w+:\/\//.test(filename))
          return Layer.provide(Sql.layer, (await import("./Source/Sqlite.ts")).layerInside({ filename }))
        return Layer.provide(Sql.layer, (await import("./Source/Postgres.ts")).layer({ url: where }))
      })
    ),
  cluster: {
    engine: (where: Redacted.Redacted) =>
      Layer.unwrapEffect(
        Effect.promise(async () => {
          const [Cluster, Socket] = [await import("./Batch/Cluster.ts"), await import("./Batch/Cluster/Socket.ts")]
          const Postgres = await import("./Source/Postgres.ts")
          return Cluster.layer().pipe(Layer.provide(Socket.client), Layer.provide(Postgres.layer({ url: where })))
        })
      ),
    joining: (where: Redacted.Redacted, address: Parameters<Cli.Cluster["joining"]>[1]) =>
      Layer.unwrapEffect(
        Effect.promise(async () => {
          const [Socket, Rates] = [
            await import("./Batch/Cluster/Socket.ts"),
            await import("./Resilience/RateLimit/Postgres.ts")
          ]
          const Postgres = await import("./Source/Postgres.ts")
          return Layer.provide(Layer.merge(Socket.runner(address), Rates.layer), Postgres.layer({ url: where }))
        })
      )
  }
}

const screen = Cli.fromProcess(process)
const { version }: { version: string } = createRequire(import.meta.url)("../package.json")

let signal: NodeJS.Signals | undefined
let again: (() => void) | undefined
let orderly = false
let heardAt = 0
// Heard once: a second signal ends the process at once, as it does without a listener. A command that expects signals
// hears the second too, and then it is the third.
const heard = (name: NodeJS.Signals) => {
  // tsx sends it once more when a busy process has not said within 30 ms that it heard it.
  if (name === signal && performance.now() - heardAt < 200) return
  heardAt = performance.now()
  orderly = signal === undefined && again !== undefined
  if (signal !== undefined || again === undefined) process.off("SIGINT", heard).off("SIGTERM", heard)
  if (signal !== undefined) again?.()
  signal = name
}
process.on("SIGINT", heard).on("SIGTERM", heard)
const signals = { expect: (call: () => void) => void (again = call) }

let code: Cli.ExitCode = 1

/** 130 and 143 are what a shell makes of SIGINT and SIGTERM. */
const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  const expected = Exit.isSuccess(exit) || (signal !== undefined && Cause.isInterruptedOnly(exit.cause))
  if (!expected) screen.err(`muster: this should not have happened\n${Cause.pretty(exit.cause)}`)
  if (orderly && expected) return 0
  if (signal !== undefined) return signal === "SIGINT" ? 130 : 143
  return code
}

Cli.run(process.argv.slice(2), version).pipe(
  Effect.map((exitCode) => (code = exitCode)),
  Effect.provide(drivers),
  Effect.provideService(Cli.Screen, screen),
  Effect.provideService(Cli.BatchDrivers, batches),
  Effect.provideService(Cli.Signals, signals),
  Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer)),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => onExit(codeOf(exit))
  })
)
