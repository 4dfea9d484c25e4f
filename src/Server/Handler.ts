/**
 * Answers the requests to one endpoint.
 *
 * @since 0.1.0
 */
import { Cause, type Clock, Context, Duration, Effect, Either, Exit, Tracer } from "effect"
import type { Aggregator } from "../Aggregator.ts"
import * as Deadline from "../Deadline.ts"
import * as Calling from "../Gather/Calling.ts"
import * as Memory from "../Memory.ts"
import type { Receipt } from "../Receipt.ts"
import { type Recorder, Started } from "../Receipt/Recorder.ts"
import * as Answer from "./Answer.ts"
import type { Endpoint, Question } from "./Endpoint.ts"
import type { Answer as Answered, Exchange } from "./Exchange.ts"
import type { Forking } from "./Forking.ts"
import type { InFlight } from "./InFlight.ts"
import { Inbound, type InboundRequest } from "./Inbound.ts"
import * as Input from "./Input.ts"
import * as Problem from "./Problem.ts"
import * as Reply from "./Reply.ts"
import type { Params } from "./Router.ts"
import type { Spans } from "./Spans.ts"
import * as Streaming from "./Streaming.ts"
import * as Wishes from "./Wishes.ts"

/**
 * What all endpoints of a server have in common.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings extends Forking {
  readonly clock: Clock.Clock
  readonly spans: Spans
  readonly inFlight: InFlight
  /** The deadline of an endpoint that has none, in milliseconds. */
  readonly deadline: number
  /** Milliseconds between two signs of life in a stream. */
  readonly heartbeat: number
}

/**
 * Answers a request to an endpoint with these services. `params` are the segments of the path.
 *
 * @since 0.1.0
 * @category handlers
 */
export const make = <R>(
  endpoint: Endpoint<R>,
  services: Context.Context<Aggregator | R>,
  { begin, clock, deadline, fork, heartbeat, inFlight, spans }: Settings
): ((exchange: Exchange, params: Params) => Answered) => {
  const fields = Input.fieldsOf(endpoint.input)
  const wishesOf = Wishes.reader(endpoint, fields)
  const name = `${endpoint.method} ${endpoint.path}`
  // The cast: everywhere there is one, or else its default.
  const ambient = Context.get(services as Context.Context<never>, Deadline.Current)

  const answer = (exchange: Exchange, params: Params, deadline: number, span: Tracer.AnySpan | undefined): Answered => {
    if (!mayAsk(endpoint, exchange)) return unauthorized
    if (deadline <= now(clock)) return late
    const wishes = wishesOf(exchange)
    if (Either.isLeft(wishes)) return Problem.respond(wishes.left)
    const wished = wishes.right
    if (wished.form === "none") return Reply.empty()
    const context = within(services, endpoint, exchange, deadline, span)
    const plain = wished.form === "json"
    const streamed = (question: Question<R>) =>
      Streaming.respond({ context, endpoint, question, wished, exchange, heartbeat })
    const asked = (question: Question<R>) =>
      plain ? inJson(endpoint, question, wished, exchange) : Effect.succeed(streamed(question))
    const enter = () => entered(inFlight, exchange)
    const question = questionOf(endpoint, Input.read(exchange, endpoint, fields, params, wished.reserved))
    if (!Either.isEither(question)) {
      // With its body under way it holds no place: a client may never send the rest.
      const reason = inFlight.refuses()
      return reason === undefined ? fork(waiting(question, asked, enter), context) : overloaded(reason)
    }
    if (Either.isLeft(question)) return Problem.respond(question.left)
    const refused = enter()
    if (refused !== undefined) return refused
    return plain ? begin(asked(question.right), context) : streamed(question.right)
  }

  return (exchange, params) => {
    const wait = Deadline.fromHeaders(exchange.headers)
    const limit = Math.min(endpoint.deadline ?? deadline, wait._tag === "Some" ? wait.value : Infinity)
    const span = spans.start(name, exchange, endpoint.path)
    exchange.traceId = span?.traceId
    if (span?._tag === "Span") exchange.onReply((exit) => spans.end(span, exit))
    return answer(exchange, params, Math.min(ambient, exchange.arrivedAt + limit), span)
  }
}

/** On the scale of `Deadline.Current`. */
const now = (clock: Clock.Clock) => Number(clock.unsafeCurrentTimeNanos()) / 1e6

/** Its caller has given up: whatever would be asked, nobody waits for it. */
const late = Problem.respond(Problem.tooLate)

/** The body is on its way and not read, so the connection is not worth keeping. */
const overloaded = (reason: string): Reply.Reply => {
  const problem = Problem.later("overloaded", reason, 1_000)
  return Problem.respond({ ...problem, headers: { ...problem.headers, connection: "close" } })
}

const mayAsk = (endpoint: Endpoint<unknown>, exchange: Exchange): boolean => {
  if (endpoint.keys === undefined) return true
  exchange.key = endpoint.keys.admit(exchange.headers)
  return exchange.key !== undefined
}

const unauthorized = Problem.respond(Problem.unauthorized)

/** The services of one request. */
const within = <R>(
  services: Context.Context<R>,
  { forward }: Endpoint<unknown>,
  exchange: Exchange,
  deadline: number,
  span: Tracer.AnySpan | undefined
): Context.Context<R> => {
  const { headers, id, key } = exchange
  const inbound: InboundRequest = { id, headers: sentOn(forward, headers), key }
  const all = new Map(services.unsafeMap)
  all.set(Inbound.key, inbound)
  all.set(Deadline.Current.key, deadline)
  all.set(Memory.Current.key, exchange.memory)
  all.set(Started.key, (recorder: Recorder) => exchange.started(recorder))
  if (span !== undefined) all.set(Tracer.ParentSpan.key, span)
  return Context.unsafeMake(all)
}

/** Those headers, but for the ones that `connection` names: they are for this connection alone (RFC 9110, 7.6.1). */
const sentOn = (forward: ReadonlyArray<string>, headers: Exchange["headers"]): InboundRequest["headers"] => {
  if (forward.length === 0) return {}
  const own = headers["connection"]?.split(",").map((name) => name.trim().toLowerCase())
  return Object.fromEntries(
    forward.flatMap((name) =>
      headers[name] === undefined || own?.includes(name) === true ? [] : [[name, headers[name]] as const]
    )
  )
}

type Eventually<A> = Either.Either<A, Problem.Problem> | Effect.Effect<A, Problem.Problem>

/** Reads an input as a question. */
const questionOf = <R>(endpoint: Endpoint<R>, input: Eventually<unknown>): Eventually<Question<R>> => {
  if (!Either.isEither(input))
    return Effect.flatMap(input, (input) => Effect.mapError(endpoint.ask(input), Problem.rejected))
  if (Either.isLeft(input)) return Either.left(input.left)
  const question = endpoint.ask(input.right)
  return Calling.isKnown(question)
    ? Either.mapLeft(question, Problem.rejected)
    : Effect.mapError(question, Problem.rejected)
}

/** Takes a place for a request until it has been answered, or says why there is none. */
const entered = (inFlight: InFlight, exchange: Exchange): Reply.Reply | undefined => {
  const place = inFlight.enter()
  if (Either.isLeft(place)) return Problem.respond(place.left)
  exchange.leave = place.right
  return undefined
}

/** Answers a question that was waited for, if there is time and a place left. */
const waiting = <R>(
  question: Effect.Effect<Question<R>, Problem.Problem>,
  asked: (question: Question<R>) => Effect.Effect<Reply.Reply, never, Aggregator | R>,
  enter: () => Reply.Reply | undefined
): Effect.Effect<Reply.Reply, never, Aggregator | R> =>
  Effect.matchEffect(question, {
    onFailure: (problem) => Effect.succeed(Problem.respond(problem)),
    onSuccess: (question) =>
      Effect.flatMap(Deadline.remaining, (left) => {
        const refused = Duration.toMillis(left) === 0 ? late : enter()
        return refused === undefined ? asked(question) : Effect.succeed(refused)
      })
  })

const inJson = <R>(
  endpoint: Endpoint<R>,
  question: Question<R>,
  wished: Wishes.Wishes,
  exchange: Exchange
): Effect.Effect<Reply.Reply, never, Aggregator | R> => {
  const asked = wished.handling === "lenient" && question.lenient ? question.lenient() : question.strict()
  const headersOf = (receipt: Receipt | undefined) => ({
    ...wished.headers,
    ...(receipt === undefined ? {} : Answer.headersOf(receipt))
  })
  return Calling.mapExit(asked, (exit): Exit.Exit<Reply.Reply> => {
    const { receipt } = exchange
    const headers = headersOf(receipt)
    if (exit._tag === "Success")
      return Exit.succeed(Answer.respond(exit.value, wished.receipt ? receipt : undefined, headers))
    const failure = Cause.failureOrCause(exit.cause)
    if (failure._tag === "Right") return Exit.failCause(failure.right)
    const problem = Problem.unanswered(failure.left, endpoint.receipts)
    const more = { ...problem.more, ...(wished.receipt ? { receipt } : {}) }
    return Exit.succeed(Problem.respond({ ...problem, more, headers: { ...headers, ...problem.headers } }))
  })
}
