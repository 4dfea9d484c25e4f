/**
 * One exchange over undici's dispatcher, without the streams, scopes and fibers of a client.
 *
 * @since 0.1.0
 */
import type { HttpClient } from "@effect/platform"
import type * as Undici from "@effect/platform-node/Undici"
import { Context, Effect } from "effect"

/**
 * The dispatcher of a client that nobody has changed: what it does can be done without it.
 *
 * @since 0.1.0
 * @category services
 */
export class Direct extends Context.Tag("effect-muster/Source/Http/Direct")<
  Direct,
  { readonly client: HttpClient.HttpClient; readonly dispatcher: Undici.Dispatcher }
>() {}

/**
 * What is asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Question {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
}

/**
 * What was answered: with the body when the status is a success, and the body no longer than it may be.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array | "unread" | "too long"
}

/**
 * Why there was no answer: what the transport failed with, or why the client did not ask.
 *
 * @since 0.1.0
 * @category models
 */
export interface Broken {
  readonly _tag?: string
  readonly reason?: string
  readonly cause?: unknown
}

/**
 * Asks, and reads a body of at most `maxBytes`. Fails with what undici fails with. However it ends, other than by reading the
 * body to its end, the connection is closed.
 *
 * @since 0.1.0
 * @category running
 */
export const exchange = (
  dispatcher: Undici.Dispatcher,
  { body, headers, method, url }: Question,
  maxBytes: number
): Effect.Effect<Reply, Broken> =>
  Effect.async((resume) => {
    const exchange = new Exchange(maxBytes, resume)
    try {
      dispatcher.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          // The cast: undici refuses a method that it does not know, as it refuses any wrong option.
          method: method as Undici.Dispatcher.HttpMethod,
          headers,
          body: body ?? null
        },
        exchange
      )
    } catch (cause) {
      resume(Effect.fail({ cause }))
    }
    return Effect.sync(() => exchange.abort())
  })

class Exchange implements Undici.Dispatcher.DispatchHandler {
  private controller: Undici.Dispatcher.DispatchController | undefined = undefined
  private aborted = false
  private reply: Omit<Reply, "body"> | undefined = undefined
  private readonly chunks: Array<Uint8Array> = []
  private size = 0

  constructor(
    private readonly maxBytes: number,
    private readonly resume: (effect: Effect.Effect<Reply, Broken>) => void
  ) {}

  abort(): void {
    this.aborted = true
    this.controller?.abort(gone)
  }

  onRequestStart(controller: Undici.Dispatcher.DispatchController): void {
    this.controller = controller
    // It was cancelled while it waited for a connection.
    if (this.aborted) controller.abort(gone)
  }

  onResponseStart(
    _: Undici.Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | Array<string> | undefined>
  ): void {
    // What is said before the answer, such as 103 Early Hints, is said over by it.
    this.reply = { status, headers: first(headers) }
    if (status >= 300) this.leave("unread")
    else if (Number(this.reply.headers["content-length"]) > this.maxBytes) this.leave("too long")
  }

  onResponseData(_: Undici.Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.size += chunk.byteLength
    if (this.size > this.maxBytes) this.leave("too long")
    else this.chunks.push(chunk)
  }

  onResponseEnd(): void {
    if (this.aborted || this.reply === undefined) return
    const [chunk] = this.chunks
    const body = this.chunks.length === 1 ? chunk! : Buffer.concat(this.chunks)
    this.resume(Effect.succeed({ ...this.reply, body }))
  }

  onResponseError(_: Undici.Dispatcher.DispatchController, cause: Error): void {
    if (!this.aborted) this.resume(Effect.fail({ cause }))
  }

  private leave(body: "unread" | "too long"): void {
    if (this.aborted) return
    this.resume(Effect.succeed({ ...this.reply!, body }))
    this.abort()
  }
}

/** One for all: nobody sees it, and to make one takes a stack trace. */
const gone = new Error("the request was cancelled")

const first = (headers: Record<string, string | Array<string> | undefined>): Reply["headers"] => {
  const all: Record<string, string | undefined> = {}
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    all[name] = Array.isArray(value) ? value.join(", ") : value
  }
  return all
}
