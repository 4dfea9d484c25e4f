/**
 * Mock services: real HTTP servers on a free port of the loopback.
 *
 * @since 0.1.0
 */
import { Clock, type Duration, Effect, Fiber, FiberSet, Schema, type Scope } from "effect"
import * as NodeHttp from "node:http"
import type { Order, Profile } from "../Demo.ts"
import * as Options from "../Options.ts"

/**
 * How a mock service behaves.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceOptions {
  /** How long it takes to answer, or to fail; default zero. */
  readonly delay?: Duration.DurationInput | undefined
  /** It answers with a status of 503. */
  readonly fail?: boolean | undefined
}

/**
 * A mock service found no port to listen on.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServiceNotStarted extends Schema.TaggedError<ServiceNotStarted>("effect-muster/Demo/ServiceNotStarted")(
  "ServiceNotStarted",
  { service: Schema.String, reason: Schema.String }
) {
  override get message() {
    return `The ${this.service} service of the demo could not be started: ${this.reason}`
  }
}

/**
 * Starts a service where everybody is called Alice: `GET /profile/:id`. Gives its base URL; closing the scope stops it.
 *
 * @since 0.1.0
 * @category services
 */
export const profile = (options?: ServiceOptions): Effect.Effect<string, ServiceNotStarted, Scope.Scope> =>
  start("profile", (id): Profile => ({ id, name: "Alice" }), options)

const items = ["kettle", "lamp", "atlas", "scarf", "radio"]

/**
 * Starts a service where everybody has five orders: `GET /orders/:id`. Gives its base URL; closing the scope stops it.
 *
 * @since 0.1.0
 * @category services
 */
export const orders = (options?: ServiceOptions): Effect.Effect<string, ServiceNotStarted, Scope.Scope> =>
  start("orders", (id) => items.map((item, index): Order => ({ id: `${id}-${index + 1}`, item })), options)

const start = (name: string, valueOf: (id: string) => unknown, options: ServiceOptions = {}) =>
  Effect.gen(function* () {
    const delay = Options.duration(`Demo.${name}`, "delay", options.delay ?? 0)
    const fibers = yield* FiberSet.make<void>()
    const fork = yield* FiberSet.runtime(fibers)<never>()

    const answer = ({ method, url = "/" }: NodeHttp.IncomingMessage, response: NodeHttp.ServerResponse) =>
      Effect.gen(function* () {
        yield* Effect.sleep(delay)
        const id = method === "GET" ? idIn(name, url) : undefined
        const [status, body] = id === undefined ? [404, null] : options.fail === true ? [503, null] : [200, valueOf(id)]
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
      })

    const server = NodeHttp.createServer((request, response) =>
      fork(
        Effect.gen(function* () {
          const start = yield* Clock.currentTimeMillis
          yield* Effect.logDebug(`${name}: a request has arrived`)
          const answering = yield* Effect.fork(answer(request, response))
          yield* closed(response)
          yield* Fiber.interrupt(answering)
          if (response.writableFinished) return
          const duration = (yield* Clock.currentTimeMillis) - start
          yield* Effect.annotateLogs(Effect.logInfo(`${name}: the request was closed by the client`), { duration })
        })
      )
    )

    const stop = Effect.suspend(() => {
      const ended = new Promise<void>((resolve) => void server.close(() => resolve()))
      // That a client has gone away shows within a turn or two of the event loop; one that stays is not waited for.
      return Effect.timeoutOption(Effect.interruptible(FiberSet.awaitEmpty(fibers)), "250 millis").pipe(
        Effect.andThen(FiberSet.clear(fibers)),
        Effect.andThen(Effect.sync(() => server.closeAllConnections())),
        Effect.andThen(Effect.promise(() => ended))
      )
    })
    return yield* Effect.acquireRelease(listen(name, server), () => stop)
  })

/** Waits until the answer is out or the client is gone. */
const closed = (response: NodeHttp.ServerResponse) =>
  Effect.async<void>((resume) => {
    if (response.destroyed) resume(Effect.void)
    else response.once("close", () => resume(Effect.void))
  })

const listen = (service: string, server: NodeHttp.Server) =>
  Effect.async<string, ServiceNotStarted>((resume) => {
    const failed = (error: Error) => resume(new ServiceNotStarted({ service, reason: error.message }))
    server.once("error", failed)
    server.listen(0, "127.0.0.1", () => {
      server.off("error", failed)
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed(`http://127.0.0.1:${port}`))
    })
  })

/** The id in `/name/id`, if the URL is one of ours. */
const idIn = (name: string, url: string): string | undefined => {
  const [path = ""] = url.split("?")
  const prefix = `/${name}/`
  const rest = path.startsWith(prefix) ? path.slice(prefix.length) : ""
  if (rest === "" || rest.includes("/")) return undefined
  try {
    return decodeURIComponent(rest)
  } catch {
    return undefined
  }
}
