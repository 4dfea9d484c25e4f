/**
 * One value that is asked for over HTTP: the request as it is sent, and what the reply means.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Undici from "@effect/platform-node/Undici"
import { Context, Effect, Either, Exit, FiberId, Option, type ParseResult } from "effect"
import * as Calling from "../../Gather/Calling.ts"
import * as Memory from "../../Memory.ts"
import { type SourceError, SourceMalformed, SourceRejected } from "../../Source.ts"
import * as Mismatch from "../Mismatch.ts"
import * as Content from "../../Content.ts"
import { type Broken, exchange, type Question, type Reply } from "./Direct.ts"
import { Place } from "./Place.ts"
import { parsed, refusal, transportError } from "./Replies.ts"
import * as Target from "./Target.ts"

/**
 * Reads a value from the text of a body.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reading<A, R> {
  /** Left: why it is no JSON, to be put behind "the body". */
  readonly parse: (text: string) => Either.Either<unknown, string>
  /** An `Either` is known at once. */
  readonly decode: (
    json: unknown,
    text: string,
    bytes: Uint8Array | undefined
  ) => Effect.Effect<A, ParseResult.ParseError, R>
}

/**
 * A value of JSON that is being asked for.
 *
 * @since 0.1.0
 * @category models
 */
export class Asked<A, R> {
  private readonly place: Place
  private readonly memory: Memory.Account
  private method = "GET"
  /** As far as it is known yet. */
  private target: Target.Target | undefined = undefined

  constructor(
    where: Calling.Where,
    private readonly reading: Reading<A, R>,
    private readonly maxBytes: number
  ) {
    this.place = new Place(where)
    // The cast: everywhere there is one, or else its default.
    this.memory = Context.get(where.context as Context.Context<never>, Memory.Current)
  }

  /** By a dispatcher, as an effect, which is marked as a call. */
  directly(dispatcher: Undici.Dispatcher, question: Asking): Effect.Effect<A, SourceError, R> {
    return Calling.mark(
      Effect.async<A, SourceError, R>((resume) => Effect.sync(this.call(dispatcher, question, resume))),
      (where, done) => {
        let read: (() => void) | undefined
        const cancel = this.call(dispatcher, question, (answer) => (read = Calling.start(answer, where, done)))
        return () => (read ?? cancel)()
      }
    )
  }

  /** By a dispatcher; gives the way to cancel it. */
  call(
    dispatcher: Undici.Dispatcher,
    { body, headers, method, target }: Asking,
    done: (answer: Effect.Effect<A, SourceError, R>) => void
  ): () => void {
    if (target === undefined) {
      done(this.ended(Exit.fail(this.notWhole())))
      return nothing
    }
    const { authorization } = target
    const sent = preferring({ ...headers })
    if (authorization !== undefined) sent["authorization"] ??= authorization
    const question = { method, target, headers: this.prepared(method, target, sent), body }
    const cancel = exchange(dispatcher, question, this.maxBytes, (end) => done(this.ended(this.answer(end))), {
      memory: this.memory,
      onReconnect: () => this.place.reconnects()
    })
    return () => {
      cancel()
      this.place.ended(Exit.interrupt(FiberId.none))
    }
  }

  /** By a client of one's own, which has the last word on the request. */
  through(
    send: (
      prepare: (
        request: HttpClientRequest.HttpClientRequest
      ) => Effect.Effect<HttpClientRequest.HttpClientRequest, SourceRejected>,
      onReconnect: () => void
    ) => Effect.Effect<Reply, Broken>
  ): Effect.Effect<A, SourceError, R> {
    const prepare = (request: HttpClientRequest.HttpClientRequest) => {
      const { method } = request
      this.method = method
      const url = Option.getOrUndefined(HttpClientRequest.toUrl(request))
      const target = Target.of(url)
      if (url === undefined || target === undefined) return Exit.fail(this.notWhole())
      const { authorization } = target
      const headers = preferring({ ...(authorization !== undefined && { authorization }), ...request.headers })
      return Effect.succeed(HttpClientRequest.setHeaders(cleaned(request, url), this.prepared(method, target, headers)))
    }
    const sent = send(prepare, () => this.place.reconnects())
    const { span } = this.place
    const within = span === undefined ? sent : Effect.withParentSpan(sent, span)
    return Effect.onExit(
      Effect.matchEffect(within, { onSuccess: (reply) => this.answer(reply), onFailure: (end) => this.answer(end) }),
      (exit) => Effect.sync(() => this.place.ended(exit))
    )
  }

  /** What is sent, besides these headers. */
  private prepared(method: string, target: Target.Target, headers: Record<string, string>): Record<string, string> {
    this.method = method
    this.target = target
    this.place.asks(method, target)
    return this.place.sign(headers)
  }

  /** What errors call it. */
  private what(): string {
    const { method, target } = this
    return target === undefined ? method : `${method} ${target.origin}${target.pathname}`
  }

  private notWhole(): SourceRejected {
    return new SourceRejected({
      source: this.place.source,
      reason: "its URL is not a whole one of http or https"
    })
  }

  private answer(end: Reply | Broken): Effect.Effect<A, SourceError, R> {
    if (end instanceof SourceRejected) return Exit.fail(end)
    const { clock, source, span } = this.place
    if (!("status" in end)) return Exit.fail(transportError(source, this.what(), end))
    span?.attribute("http.response.status_code", end.status)
    const malformed = (reason: string) => new SourceMalformed({ source, reason: `${this.what()}: ${reason}` })
    const refused = refusal(source, () => this.what(), end, clock)
    if (refused !== undefined) return Exit.fail(refused)
    const body = parsed(end, this.reading.parse, this.maxBytes, this.memory)
    if (body !== null && "broken" in body) return Exit.fail(transportError(source, this.what(), body.broken))
    if (body !== null && "malformed" in body) return Exit.fail(malformed(body.malformed))
    const misfit = ({ issue }: ParseResult.ParseError) =>
      malformed(body === null ? "the body is empty" : Mismatch.describe(issue))
    const value = body === null ? this.empty() : this.reading.decode(body.json, body.text, body.bytes)
    if (!Calling.isKnown(value)) return Effect.mapError(value, misfit)
    return Either.isRight(value) ? Exit.succeed(value.right) : Exit.fail(misfit(value.left))
  }

  /** The value of an answer without a body: `null`, or `undefined` where the schema takes only that. */
  private empty(): Effect.Effect<A, ParseResult.ParseError, R> {
    const { decode } = this.reading
    const value = decode(null, "null", undefined)
    if (!Calling.isKnown(value)) return Effect.orElse(value, () => decode(undefined, "null", undefined))
    return Either.isRight(value) ? value : decode(undefined, "null", undefined)
  }

  /** What is known at once costs no effect for the end of the span. */
  private ended(answer: Effect.Effect<A, SourceError, R>): Effect.Effect<A, SourceError, R> {
    if (!Exit.isExit(answer)) return Effect.onExit(answer, (exit) => Effect.sync(() => this.place.ended(exit)))
    this.place.ended(answer)
    return answer
  }
}

/** What is to be asked; a target that is `undefined` is none. */
type Asking = Omit<Question, "target"> & { readonly target: Target.Target | undefined }

/** What is sent unless the request says something else. To add to a copy of an object of these two takes V8 1.2 us more. */
const preferring = (headers: Record<string, string>): Record<string, string> => {
  headers["accept"] ??= "application/json"
  headers["accept-encoding"] ??= Content.acceptEncoding
  return headers
}

const nothing = () => {}

/** undici would send the fragment of a URL. */
const cleaned = (request: HttpClientRequest.HttpClientRequest, url: URL) => {
  const clean = new URL(url)
  clean.username = clean.password = clean.hash = ""
  return HttpClientRequest.removeHash(
    HttpClientRequest.setUrlParams(HttpClientRequest.setUrl(request, clean.toString()), [])
  )
}
