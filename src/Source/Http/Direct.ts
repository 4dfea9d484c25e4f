/**
 * One exchange over undici's dispatcher, without the streams, scopes and fibers of a client.
 *
 * @since 0.1.0
 */
import type { HttpClient } from "@effect/platform"
import type * as Undici from "@effect/platform-node/Undici"
import type * as Memory from "../../Memory.ts"
import * as Content from "../../Content.ts"
import type { DispatchOptions } from "./Connection.ts"
import type { Target } from "./Target.ts"

/**
 * Says by which dispatcher a client asks, and gives that client. What a client that nobody has changed does can then be done
 * without it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const known = (client: HttpClient.HttpClient, dispatcher: Undici.Dispatcher): HttpClient.HttpClient => {
  dispatchers.set(client, dispatcher)
  return client
}

/**
 * The dispatcher of a client that is known, wherever it has been handed to; one made of it, as by `mapRequest`, is not.
 *
 * @since 0.1.0
 * @category getters
 */
export const dispatcherOf = (client: HttpClient.HttpClient): Undici.Dispatcher | undefined => dispatchers.get(client)

const dispatchers = new WeakMap<HttpClient.HttpClient, Undici.Dispatcher>()

/**
 * What is asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Question {
  readonly method: string
  readonly target: Target
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
  readonly headers: Readonly<Record<string, string | Array<string> | undefined>>
  /** Still in its content coding. */
  readonly body: Uint8Array | "unread" | "too long"
  /** The client may have undone the content coding, as `fetch` does, and left the header. */
  readonly mayBeDecoded?: boolean
}

/**
 * A header of a reply; what is said several times, in one line.
 *
 * @since 0.1.0
 * @category getters
 */
export const headerOf = ({ headers }: Pick<Reply, "headers">, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value.join(", ") : value
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
 * Asks, reads a body of at most `maxBytes`, and calls back once, with what undici failed with if it did; gives the way to
 * cancel, after which nothing is called back. However it ends, other than by reading the body to its end, the connection is
 * closed.
 *
 * @since 0.1.0
 * @category running
 */
export const exchange = (
  dispatcher: Undici.Dispatcher,
  { body, headers, method, target }: Question,
  maxBytes: number,
  done: (end: Reply | Broken) => void,
  { memory, onReconnect }: { readonly memory?: Memory.Account; readonly onReconnect?: () => void } = {}
): (() => void) => {
  // The length that an answer to HEAD has is that of the body which GET would have.
  const exchange = new Exchange(method === "HEAD" ? Infinity : maxBytes, memory, done)
  const options: DispatchOptions = {
    origin: target.origin,
    path: target.path,
    // The cast: undici refuses a method that it does not know, as it refuses any wrong option.
    method: method as Undici.Dispatcher.HttpMethod,
    headers,
    body: body ?? null,
    onReconnect
  }
  try {
    dispatcher.dispatch(options, exchange)
  } catch (cause) {
    done({ cause })
  }
  return () => exchange.abort()
}

class Exchange implements Undici.Dispatcher.DispatchHandler {
  private controller: Undici.Dispatcher.DispatchController | undefined = undefined
  private aborted = false
  private reply: Omit<Reply, "body"> | undefined = undefined
  private readonly chunks: Array<Uint8Array> = []
  private size = 0

  constructor(
    private maxBytes: number,
    private readonly memory: Memory.Account | undefined,
    private readonly done: (end: Reply | Broken) => void
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

  onResponseStart(_: Undici.Dispatcher.DispatchController, status: number, headers: Reply["headers"]): void {
    // What is said before the answer, such as 103 Early Hints, is said over by it.
    this.reply = { status, headers }
    this.maxBytes = Content.limit(headerOf(this.reply, "content-encoding"), this.maxBytes)
    if (status >= 300) this.leave("unread")
    // There is no content, whatever its headers say (RFC 9110, 15.3.5).
    else if (status === 204 && headers["content-length"] !== undefined) this.leave(noBytes)
    else if (Number(headerOf(this.reply, "content-length")) > this.maxBytes) this.leave("too long")
  }

  onResponseData(_: Undici.Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.size += chunk.byteLength
    if (this.size > this.maxBytes) return this.leave("too long")
    if (this.memory?.take(chunk.byteLength) !== false) return void this.chunks.push(chunk)
    this.abort()
    this.done({ cause: noMemory })
  }

  onResponseEnd(): void {
    if (this.aborted || this.reply === undefined) return
    const { headers, status } = this.reply
    const [chunk] = this.chunks
    this.done({ status, headers, body: this.chunks.length === 1 ? chunk! : Buffer.concat(this.chunks) })
  }

  onResponseError(_: Undici.Dispatcher.DispatchController, cause: Error): void {
    if (!this.aborted) this.done({ cause })
  }

  private leave(body: Reply["body"]): void {
    if (this.aborted) return
    // First, so that nothing is called back from here on.
    this.abort()
    this.done({ ...this.reply!, body })
  }
}

/**
 * Why a body was not read: the budget has no room for it.
 *
 * @since 0.1.0
 * @category errors
 */
export const noMemory: Error = Object.assign(new Error("the memory for requests and answers is used up"), {
  code: "ENOMEM"
})

const noBytes = new Uint8Array()

/** One for all: nobody sees it, and to make one takes a stack trace. */
const gone = new Error("the request was cancelled")
