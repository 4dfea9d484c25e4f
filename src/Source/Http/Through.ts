/**
 * One exchange by a given client.
 *
 * @since 0.1.0
 */
import { HttpClient, type HttpClientRequest } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Context, Effect, Option, Predicate, Stream } from "effect"
import * as Content from "../../Content.ts"
import type { DispatchOptions } from "./Connection.ts"
import type { Broken, Reply } from "./Direct.ts"

/**
 * Asks by a client that was changed, or made, by somebody else, and reads a body of at most `maxBytes`. `onReconnect` is called
 * when a request goes out a second time, which is seen only where the client asks over connections of `Http.layer`.
 *
 * @since 0.1.0
 * @category running
 */
export const exchange = <E extends Broken>(
  given: HttpClient.HttpClient.With<E>,
  request: HttpClientRequest.HttpClientRequest,
  maxBytes: number,
  onReconnect: () => void
): Effect.Effect<Reply, E | Broken> =>
  Effect.gen(function* () {
    const client = given.pipe(
      // Its own span would hold the URL with its query.
      HttpClient.withTracerDisabledWhen(() => true),
      // Without a scope, a connection whose body nobody reads stays open.
      HttpClient.withScope
    )
    const { headers, status, stream } = yield* toldOf(onReconnect, client.execute(request))
    if (status < 200 || status >= 300) return { status, headers, body: "unread" as const }
    // Its headers may say something else.
    if (status === 204) return { status, headers, body: new Uint8Array() }
    const limit = Content.limit(headers["content-encoding"], maxBytes)
    const isLong = request.method !== "HEAD" && Number(headers["content-length"]) > limit
    if (isLong) return { status, headers, body: "too long" as const }
    const chunks: Array<Uint8Array> = []
    let size = 0
    yield* Stream.runForEachWhile(
      stream,
      (chunk) =>
        Effect.sync(() => {
          size += chunk.byteLength
          chunks.push(chunk)
          return size <= limit
        })
      // As clients by `fetch` have it.
    ).pipe(Effect.catchIf(isEmpty, () => Effect.void))
    const body = size > limit ? ("too long" as const) : Buffer.concat(chunks)
    return { status, headers, body, mayBeDecoded: true }
  }).pipe(Effect.scoped)

const isEmpty = (error: unknown) => Predicate.hasProperty(error, "reason") && error.reason === "EmptyBody"

/** Tells the connection, where the client asks over one of ours: the platform's hands these options down to it. */
const toldOf = <A, E, R>(onReconnect: () => void, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.contextWithEffect((context: Context.Context<R>) => {
    const { UndiciRequestOptions } = NodeHttpClient
    const given = Option.getOrUndefined(Context.getOption(context, UndiciRequestOptions))
    const options: Partial<DispatchOptions> = { ...given, onReconnect }
    // The cast: the client itself says what is missing.
    return Effect.provideService(effect, UndiciRequestOptions, options as Parameters<typeof UndiciRequestOptions.of>[0])
  })
