/**
 * What `muster serve` does. It is loaded when it is run: a server brings a driver with it.
 *
 * @since 0.1.0
 */
import type { Command } from "@effect/cli"
import { Context, Effect, Layer, Option, Record, Struct } from "effect"
import { Aggregator } from "../../Aggregator.ts"
import * as Recorder from "../../Aggregator/Recorder.ts"
import { environment as aggregating } from "../../Aggregator/Environment.ts"
import * as Demo from "../../Demo.ts"
import { load } from "../../Demo/Load.ts"
import { endpoints as demo } from "../../Demo/Served.ts"
import { InvalidOption } from "../../Options.ts"
import { Server, type ServerNotStarted, type ServerOptions } from "../../Server.ts"
import { isLoopback } from "../../Server/Admin.ts"
import * as Config from "../../Server/Config.ts"
import { admin as administering, environment as serving } from "../../Server/Environment.ts"
import * as Tracing from "../../Server/Tracing.ts"
import { Drivers } from "../Drivers.ts"
import { badConfig, badInput, type Failed, noAnswer } from "../Failed.ts"
import { why } from "../FileTrouble.ts"
import { printable, Screen } from "../Screen.ts"
import { type flags, limits } from "../Serve.ts"
import { Signals } from "../Signals.ts"

type Given = Command.Command.ParseConfig<typeof flags>

/**
 * Serves until it is interrupted.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (given: Given) =>
  Effect.gen(function* () {
    if (given.demoLoad && Option.isSome(given.config))
      return yield* badInput("--demo-load asks the demo, which is not served with --config; leave one of them out")
    const options = yield* optionsOf(given)
    if (Option.isSome(given.recordRate) && Option.isNone(given.record))
      return yield* badInput("--record-rate is of no use without --record")
    const aggregator = recorded(given, Aggregator.layer(yield* Effect.mapError(aggregating, badConfig)))
    const layer = Option.isSome(given.config)
      ? Layer.provide(described(given.config.value, options, aggregator), tracing)
      : Layer.provide(yield* demonstrated(options, aggregator), tracing)
    const server = Context.get(yield* Effect.catchSomeDefect(Layer.build(layer), refused), Server)
    const { expect } = yield* Signals
    expect(() => Effect.runSync(server.cut))
    yield* announce(server, Option.isNone(given.config))
    return yield* given.demoLoad ? load(server.url) : Effect.never
  })

/** What is given counts for more than what the environment says. */
const optionsOf = (given: Given): Effect.Effect<ServerOptions, Failed> =>
  Effect.gen(function* () {
    const environment = yield* Effect.mapError(serving, badConfig)
    const { port, ...admin } = yield* Effect.mapError(administering, badConfig)
    if (admin.host !== undefined && admin.token === undefined && !isLoopback(admin.host))
      return yield* badInput(`MUSTER_ADMIN_HOST=${admin.host} needs a MUSTER_ADMIN_TOKEN beside it`)
    // Load that nobody can look at would be of no use.
    const adminPort = Option.getOrElse(given.adminPort, () => port ?? (given.demoLoad ? 0 : undefined))
    const { host, port: publicPort } = given
    return {
      ...environment,
      ...Record.getSomes<string, unknown>({ ...Struct.pick(given, ...Struct.keys(limits)), host, port: publicPort }),
      admin: adminPort === undefined ? undefined : { ...admin, port: adminPort }
    }
  })

/** What the sources use is provided below the aggregator, which waits for their cleanup when it closes. */
const demonstrated = (options: ServerOptions, aggregator: Layer.Layer<Aggregator, Failed>) =>
  Effect.gen(function* () {
    const delay = "50 millis"
    const urls = yield* Effect.all({ profile: Demo.profile({ delay }), orders: Demo.orders({ delay }) }).pipe(
      Effect.catchTag("ServiceNotStarted", (error) => noAnswer(error.message))
    )
    const { users } = yield* Drivers
    return Server.layer(demo, options).pipe(started, Layer.provide(aggregator), Layer.provide(users(urls)))
  })

const described = (file: string, options: ServerOptions, aggregator: Layer.Layer<Aggregator, Failed>) =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      const { services } = yield* Drivers
      if (services === undefined) return yield* badInput("--config: this program has no drivers to ask with")
      const endpoints = yield* Config.load(file).pipe(
        Effect.provide(services),
        Effect.catchTag("ConfigRejected", (error) => rejected(file, error))
      )
      return Server.layer(endpoints, options).pipe(started, Layer.provide(aggregator))
    })
  )

/** It is closed once the server has answered what it had accepted. */
const recorded = ({ record, recordRate }: Given, aggregator: Layer.Layer<Aggregator>) =>
  Option.match(record, {
    onNone: (): Layer.Layer<Aggregator, Failed> => aggregator,
    onSome: (path) =>
      Recorder.layer(path, { rate: Option.getOrUndefined(recordRate) }).pipe(
        Layer.mapError(({ cause }) => badInput(`--record: ${JSON.stringify(path)} cannot be written: ${why(cause)}`)),
        Layer.provideMerge(aggregator)
      )
  })

const rejected = (file: string, { lines, problems }: Config.ConfigRejected) =>
  Effect.flatMap(Screen, ({ err }) => {
    lines.forEach((line) => err(printable(line)))
    return badInput(`${Config.nameOf(file)} has ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}`)
  })

const started = Layer.mapError((error: ServerNotStarted) => noAnswer(error.message))

const tracing = Layer.mapError(Tracing.layer, (error) =>
  error._tag === "TracingMissing" ? badInput(error.message) : badConfig(error)
)

const refused = (defect: unknown) =>
  defect instanceof InvalidOption ? Option.some(badInput(defect.message)) : Option.none()

const announce = ({ admin, url }: typeof Server.Service, isDemo: boolean) =>
  Effect.gen(function* () {
    const { columns, err } = yield* Screen
    if (columns === undefined)
      return yield* Effect.annotateLogs(Effect.logInfo("serving"), { url, ...(admin === undefined ? {} : { admin }) })
    err(`Serving ${url}, with its docs at ${url}/docs`)
    if (admin !== undefined) err(`What it does: ${admin}/ (a page), ${admin}/metrics, ${admin}/receipts`)
    if (isDemo) err(`Try: curl -i "${url}/dashboard?id=42"`)
  })
