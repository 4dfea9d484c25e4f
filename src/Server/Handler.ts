/**
 * Answers the requests to one endpoint.
 *
 * @since 0.1.0
 */
import { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { Cause, Context, Duration, Effect, Option, type Scope } from "effect"
import type { Aggregator } from "../Aggregator.ts"
import * as Deadline from "../Deadline.ts"
import type { Receipt } from "../Receipt.ts"
import { Started } from "../Receipt/Recorder.ts"
import * as Answer from "./Answer.ts"
import type { Endpoint, Question } from "./Endpoint.ts"
import * as Exchange from "./Exchange.ts"
import { Inbound } from "./Inbound.ts"
import * as Input from "./Input.ts"
import * as Problem from "./Problem.ts"
import * as Streaming from "./Streaming.ts"
import * as Wishes from "./Wishes.ts"

/**
 * What all endpoints of a server have in common.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /** The deadline of an endpoint that has none, in milliseconds. */
  readonly deadline: number
  /** Milliseconds between two signs of life in a stream. */
  readonly heartbeat: number
}

/**
 * What answering needs besides what the sources need.
 *
 * @since 0.1.0
 * @category models
 */
export type Needs = Aggregator | HttpServerRequest | Exchange.Current | Scope.Scope

/**
 * Answers a request. Whatever happens there is a response, unless it is interrupted, which cancels the sources.
 *
 * `params` are the segments of the path; `leave` is called once no source is asked any more.
 *
 * @since 0.1.0
 * @category handlers
 */
export const make = <R>(endpoint: Endpoint<R>, settings: Settings) => {
  const fields = Input.fieldsOf(endpoint.input)
  const wishesOf = Wishes.reader(endpoint, fields)
  const span = `${endpoint.method} ${endpoint.path}`

  const answer = (request: HttpServerRequest, exchange: Exchange.Exchange, params: Input.Params, leave: () => void) =>
    Effect.gen(function* () {
      yield* admit(endpoint, exchange, request)
      const wished = yield* wishesOf(request)
      if (wished.form === "none") return HttpServerResponse.empty()
      const input = yield* Input.read(request, endpoint, fields, params, wished.reserved)
      const question = yield* Effect.mapError(endpoint.ask(input), Problem.rejected)
      if (Duration.toMillis(yield* Deadline.remaining) === 0) return yield* Effect.fail(Problem.tooLate)
      const inbound = { id: exchange.id, headers: forwarded(endpoint, request), key: exchange.key }
      const context = Context.make(Inbound, inbound).pipe(
        Context.add(Started, (recorder) => void (exchange.recorder ??= recorder))
      )
      const answered =
        wished.form === "json"
          ? inJson(endpoint, question, wished, exchange)
          : Streaming.respond({ endpoint, question, wished, exchange, heartbeat: settings.heartbeat, leave })
      return yield* Effect.provide(answered, context)
    }).pipe(
      Effect.catchTag("Problem", (problem) => Effect.succeed(Problem.respond(problem))),
      Effect.catchAllCause((cause) => (Cause.isInterruptedOnly(cause) ? Effect.failCause(cause) : bug(exchange, cause)))
    )

  return (
    params: Input.Params,
    leave: () => void
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Needs | R> =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest
      const exchange = yield* Exchange.Current
      const wait = Option.getOrElse(Deadline.fromHeaders(request.headers), () => Infinity)
      const within = Deadline.within(Math.min(endpoint.deadline ?? settings.deadline, wait))
      const options = {
        kind: "server",
        parent: Option.getOrUndefined(HttpTraceContext.fromHeaders(request.headers)),
        captureStackTrace: false,
        attributes: { "http.request.method": request.method, "http.route": endpoint.path }
      } as const
      const traced = Effect.useSpan(span, options, (span) => {
        exchange.traceId = span.traceId
        return answer(request, exchange, params, leave).pipe(
          Effect.tap(({ status }) => span.attribute("http.response.status_code", status)),
          Effect.withParentSpan(span)
        )
      })
      return yield* within(traced)
    })
}

const admit = (endpoint: Endpoint<unknown>, exchange: Exchange.Exchange, { headers }: HttpServerRequest) =>
  Effect.gen(function* () {
    if (endpoint.keys !== undefined) {
      exchange.key = endpoint.keys.admit(headers)
      if (exchange.key === undefined) return yield* Effect.fail(Problem.unauthorized)
    }
    // Its caller has given up: whatever would be asked, nobody waits for it.
    if (Duration.toMillis(yield* Deadline.remaining) === 0) return yield* Effect.fail(Problem.tooLate)
  })

const forwarded = ({ forward }: Endpoint<unknown>, { headers }: HttpServerRequest): Readonly<Record<string, string>> =>
  Object.fromEntries(forward.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])))

const inJson = <R>(
  endpoint: Endpoint<R>,
  question: Question<R>,
  wished: Wishes.Wishes,
  exchange: Exchange.Exchange
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Aggregator | R> => {
  const asked = wished.handling === "lenient" && question.lenient ? question.lenient() : question.strict()
  const headersOf = (receipt: Receipt | undefined) => ({
    ...wished.headers,
    ...(receipt === undefined ? {} : Answer.headersOf(receipt))
  })
  return Effect.match(asked, {
    onSuccess: (answer) => {
      const { receipt } = exchange
      return Answer.respond(answer, wished.receipt ? receipt : undefined, headersOf(receipt))
    },
    onFailure: (error) => {
      const { receipt } = exchange
      const problem = Problem.unanswered(error, endpoint.receipts)
      return Problem.respond({
        ...problem,
        more: { ...problem.more, ...(wished.receipt ? { receipt } : {}) },
        headers: { ...headersOf(receipt), ...problem.headers }
      })
    }
  })
}

const bug = (exchange: Exchange.Exchange, cause: Cause.Cause<unknown>) =>
  Effect.map(Exchange.logBug(exchange, cause), () => Problem.respond(Problem.bug(exchange.receipt)))
