/**
 * The HTTP service: aggregations as endpoints.
 *
 * @since 0.1.0
 */
import { Config, type ConfigError, Context, Effect, FiberId, Layer, Scope } from "effect"
import type { Aggregator } from "./Aggregator.ts"
import * as Memory from "./Memory.ts"
import * as Lines from "./Receipt/Lines.ts"
import * as Access from "./Server/Access.ts"
import * as Admin from "./Server/Admin.ts"
import * as Cors from "./Server/Cors.ts"
import * as Drain from "./Server/Drain.ts"
import * as Endpoint from "./Server/Endpoint.ts"
import { environment } from "./Server/Environment.ts"
import * as Forking from "./Server/Forking.ts"
import * as InFlight from "./Server/InFlight.ts"
import * as Listener from "./Server/Listener.ts"
import * as LoopDelay from "./Server/LoopDelay.ts"
import * as Recent from "./Server/Recent.ts"
import * as Routes from "./Server/Routes.ts"
import * as Settings from "./Server/Settings.ts"
import * as Spans from "./Server/Spans.ts"

export {
  /** @since 0.1.0 */
  ServerNotStarted
} from "./Server/Listener.ts"

/** @since 0.1.0 */
export type ServerOptions = Settings.ServerOptions

/**
 * A server that listens.
 *
 * @since 0.1.0
 * @category services
 */
export class Server extends Context.Tag("effect-muster/Server")<
  Server,
  {
    readonly url: string
    /** Where the admin port is, if there is one. */
    readonly admin: string | undefined
    /** Where it stands: `draining` once its scope closes, `cut` when what was left in flight has been cancelled. */
    readonly phase: () => Drain.Phase
    /** Ends a drain at once: what is in flight is cancelled. Does nothing while the server is open. */
    readonly cut: Effect.Effect<void>
  }
>() {
  /**
   * Serves endpoints and aggregations. A wrong option is raised as an `InvalidOption` when the layer is built.
   *
   * When its scope closes it drains: what is in flight is answered, new requests get a 503, and after `drain` the rest is
   * cancelled. So what the sources use must be provided below it, the aggregator too.
   *
   * @example
   * ```ts
   * const served = Server.layer([Dashboard, Endpoint.make(Search, { path: "/find" })], { port: 8080 })
   *
   * Layer.launch(served.pipe(Layer.provide(Aggregator.layer())))
   * ```
   */
  static layer<const E extends ReadonlyArray<Endpoint.Servable>>(
    endpoints: E,
    options?: ServerOptions
  ): Layer.Layer<Server, Listener.ServerNotStarted, Aggregator | Endpoint.Requirements<E[number]>> {
    return Layer.scoped(Server, make(endpoints, options))
  }

  /**
   * The same, its options read from a config; by default from the environment: `MUSTER_PORT`, `MUSTER_MAX_IN_FLIGHT` and so on, by
   * the names of the options.
   */
  static layerConfig<const E extends ReadonlyArray<Endpoint.Servable>>(
    endpoints: E,
    config: Config.Config.Wrap<ServerOptions> = environment
  ): Layer.Layer<
    Server,
    Listener.ServerNotStarted | ConfigError.ConfigError,
    Aggregator | Endpoint.Requirements<E[number]>
  > {
    return Layer.scoped(
      Server,
      Effect.flatMap(Config.unwrap(config), (options) => make(endpoints, options))
    )
  }
}

/** How long what was cut off may take to say so to its clients. */
const grace = 1_000

const make = <const E extends ReadonlyArray<Endpoint.Servable>>(
  servables: E,
  options?: ServerOptions
): Effect.Effect<
  typeof Server.Service,
  Listener.ServerNotStarted,
  Aggregator | Endpoint.Requirements<E[number]> | Scope.Scope
> =>
  Effect.gen(function* () {
    // Whatever the sources of these servables require is in this context; `Served` stands for it from here on.
    const endpoints = servables.map(Endpoint.from) as ReadonlyArray<Endpoint.Endpoint<Routes.Served>>
    const context = yield* Effect.context<Aggregator | Endpoint.Requirements<E[number]> | Scope.Scope>()
    // But for its scope: each request has one of its own, which ends with it.
    const services = Context.omit(Scope.Scope)(context) as Context.Context<Aggregator | Routes.Served>
    const settings = Settings.read(options)
    const drain = Drain.make()
    const memory = new Memory.Budget(settings.maxBuffered)
    const inFlight = InFlight.make(settings.maxInFlight, memory)
    const recent = yield* Recent.make(settings.admin !== undefined)
    const loop = yield* LoopDelay.make
    const state = { drain, inFlight, loop, memory, recent, clock: yield* Effect.clock, ...(yield* Forking.make) }
    const spans = yield* Spans.make
    const app = Routes.make(endpoints, services, { ...settings, ...state, spans })
    const write = settings.accessLog ? yield* writing : undefined
    const patience = { timeout: settings.writeTimeout, minRate: settings.minReadRate }
    const access = { ...state, write, patience }
    const open = Access.controlled(Cors.shared(app, settings.cors), { ...access, probes: Routes.probes })
    const server = yield* Listener.make(open, settings, write)
    const admin = settings.admin && (yield* administer({ ...settings, ...settings.admin, ...state }, access))
    // It runs before those above close, and so while they still listen.
    yield* Effect.addFinalizer(() => drain.run(settings.drain, grace))
    return { url: server.url, admin: admin?.url, phase: drain.phase, cut: Effect.sync(drain.cut) }
  })

/** Its lines are of no one fiber. */
const writing = Effect.withFiberRuntime<Lines.Write | undefined>((fiber) =>
  Effect.succeed(Lines.of(fiber, undefined, FiberId.none)?.write)
)

const administer = (
  options: Admin.AdminOptions & Listener.ListenerOptions,
  access: Omit<Access.AccessOptions, "probes">
) =>
  // Wrong options are raised when this runs.
  Effect.suspend(() =>
    Listener.make(Access.controlled(Admin.make(options), { ...access, probes: Admin.paths }), options, access.write)
  )
