/**
 * What stands around every request, whatever it asks for: it is counted, logged, tracked, and refused while the server
 * drains.
 *
 * @since 0.1.0
 */
import * as HttpServerError from "@effect/platform/HttpServerError"
import { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Effect, FiberId, LogLevel, Option, type Scope } from "effect"
import type { Drain } from "./Drain.ts"
import * as Exchange from "./Exchange.ts"
import * as Metrics from "./Metrics.ts"
import * as Problem from "./Problem.ts"
import * as Sending from "./Sending.ts"

/**
 * What every request is subject to.
 *
 * @since 0.1.0
 * @category models
 */
export interface AccessOptions {
  readonly drain: Drain
  /** Whether a line is logged for each request. */
  readonly log: boolean
  /** How long a client may read nothing of its answer, in milliseconds, before it is let go. */
  readonly writeTimeout: number
  /** Paths that are answered at all times, and not logged: the probes. */
  readonly probes: ReadonlySet<string>
  /** What is said of what there is to whoever asks for something else. */
  readonly hint: string
}

type App<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

/**
 * The same application, with all that.
 *
 * @since 0.1.0
 * @category handlers
 */
export const controlled = <E, R>(
  app: App<E, R | Exchange.Current>,
  { drain, hint, log, probes, writeTimeout }: AccessOptions
): App<never, Exclude<R, Exchange.Current> | HttpServerRequest | Scope.Scope> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest
      const exchange = yield* begin(request)
      const probe = probes.has(exchange.path)
      const interrupt = () => fiber.unsafeInterruptAsFork(FiberId.none)
      drain.track(fiber, () => (exchange.close ?? interrupt)())
      const { gone, send } = Sending.to(request, writeTimeout, interrupt)
      // The request's own scope closes when its answer has left, or when nobody is there to read it.
      yield* Effect.addFinalizer(() => {
        if (gone()) exchange.status = 499
        return Effect.zipRight(Metrics.record(exchange), log && !probe ? line(exchange) : Effect.void)
      })
      const refused = drain.phase() !== "open" && !probe
      const response = yield* (refused ? Effect.succeed(Problem.respond(Problem.draining)) : app).pipe(
        Effect.provideService(Exchange.Current, exchange),
        Effect.catchAllCause((cause) => {
          if (gone()) return Effect.succeed(nobody)
          if (drain.phase() === "cut") return Effect.succeed(Problem.respond(Problem.draining))
          return unanswered(request, exchange, cause, hint)
        })
      )
      exchange.status = response.status
      exchange.answered = exchange.elapsed()
      return yield* send(
        HttpServerResponse.setHeaders(response, {
          "x-request-id": exchange.id,
          "x-content-type-options": "nosniff",
          ...(drain.phase() === "open" ? {} : { connection: "close" })
        })
      )
    })
  )

const begin = (request: HttpServerRequest): Effect.Effect<Exchange.Exchange> =>
  Effect.map(Effect.clock, (clock) => {
    const start = clock.unsafeCurrentTimeNanos()
    const elapsed = () => Number(clock.unsafeCurrentTimeNanos() - start) / 1e6
    const given = request.headers["x-request-id"] ?? ""
    const id = /^[\w.:+/=@-]{1,128}$/.test(given) ? given : crypto.randomUUID()
    const path = request.url.replace(/[?#].*$/s, "")
    return new Exchange.Exchange(id, request.method, path, Option.getOrUndefined(request.remoteAddress), elapsed)
  })

const nobody = HttpServerResponse.empty({ status: 499 })

/** There is no such path, or there is a bug. */
const unanswered = (
  request: HttpServerRequest,
  exchange: Exchange.Exchange,
  cause: Cause.Cause<unknown>,
  hint: string
) => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  if (failure instanceof HttpServerError.RouteNotFound) return Effect.succeed(Problem.respond(nowhere(request, hint)))
  return Effect.as(Exchange.logBug(exchange, cause), Problem.respond(Problem.bug(exchange.receipt)))
}

const nowhere = ({ url }: HttpServerRequest, hint: string): Problem.Problem => {
  try {
    decodeURI(url)
    return Problem.make("not-found", hint)
  } catch {
    return Problem.make("invalid-input", "The path is not percent-encoded UTF-8", { field: "" })
  }
}

/** A line of the access log. */
const line = (exchange: Exchange.Exchange): Effect.Effect<void> => {
  const { answered, client, elapsed, id, key, method, path, receipt, route, status, traceId } = exchange
  const said = {
    method,
    path: path.slice(0, 500),
    route,
    status,
    duration: rounded(answered ?? elapsed()),
    sent: rounded(elapsed()),
    complete: receipt === undefined ? undefined : receipt.outcome === "succeeded",
    receipt: receipt?.id,
    key,
    client,
    request: id,
    traceId
  }
  return Effect.annotateLogs(
    Effect.logWithLevel(status >= 500 ? LogLevel.Warning : LogLevel.Info, `${method} ${said.path} ${status}`),
    Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
  )
}

const rounded = (millis: number) => Math.round(millis * 1_000) / 1_000
