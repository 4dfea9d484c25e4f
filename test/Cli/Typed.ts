import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { ConfigProvider, Effect, Layer } from "effect"
import * as Cli from "../../src/Cli.ts"
import * as Demo from "../../src/Demo.ts"
import { layer as services } from "../../src/Source/Drivers.ts"
import * as Http from "../../src/Source/Http.ts"

export interface Options {
  readonly columns?: number
  readonly color?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly users?: (urls: Demo.Urls) => Layer.Layer<Demo.UserServices>
}

const overHttp = (urls: Demo.Urls) => Layer.provide(Demo.UserServices.layer(urls, Http.json), Http.layer())

/** Runs a command line in this process and gives what it did to the screen. */
export const typed = (
  line: string | ReadonlyArray<string>,
  { color = false, columns, env = {}, users = overHttp }: Options = {}
) => {
  const out: Array<string> = []
  const err: Array<string> = []
  const args = typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line
  const screen = {
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    columns,
    color
  }
  return Cli.run(args, "1.2.3").pipe(
    Effect.map((exitCode) => ({ exitCode, out, err })),
    Effect.provideService(Cli.Screen, screen),
    Effect.provideService(Cli.Drivers, { users, services }),
    Effect.provide(Layer.mergeAll(FileSystem.layerNoop({}), Path.layer, NodeTerminal.layer)),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env))))
  )
}
