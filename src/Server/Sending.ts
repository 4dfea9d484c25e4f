/**
 * Sends replies, and knows whether they arrived.
 *
 * @since 0.1.0
 */
import { Chunk, Effect, Stream } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Reply } from "./Reply.ts"

/**
 * The way back to the client of a request.
 *
 * @since 0.1.0
 * @category models
 */
export class Sending {
  /** Whether the client went away before all of its answer had left. */
  gone = false
  private readonly socket: IncomingMessage["socket"]

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    /** How long a client may read nothing of its answer, in milliseconds, before it is let go. */
    private readonly timeout: number,
    /** Called once: when all of the answer has left, or when the client has gone away before. */
    private readonly over: () => void
  ) {
    this.socket = request.socket
    // Of the connection: a response that waits for the one before it, on a connection with several, hears of nothing.
    this.socket.once("close", this.closed)
    response.once("finish", this.finished)
  }

  /** Sends all of a reply, with these headers besides; of one that is a stream the head, and then what {@link writing} writes. */
  send({ body, headers, status }: Reply, more: Readonly<Record<string, string | undefined>>): void {
    const { request, response } = this
    if (this.gone || response.writableEnded) return
    response.socket?.setTimeout(this.timeout)
    const whole: Array<string> = []
    for (const name in headers) if (more[name] === undefined) whole.push(name, headers[name]!)
    for (const name in more) if (more[name] !== undefined) whole.push(name, more[name])
    if (typeof body === "string") whole.push("content-length", String(Buffer.byteLength(body)))
    response.writeHead(status, whole)
    // Of a HEAD, Node sends no body.
    if (typeof body !== "object") response.end(body)
    else if (request.method === "HEAD") response.end()
  }

  /** Writes a stream as fast as it is read. */
  writing(stream: Stream.Stream<Uint8Array>): Effect.Effect<void> {
    const { response } = this
    return Stream.runForEachChunk(stream, (chunk) => {
      let room = true
      for (const bytes of Chunk.toReadonlyArray(chunk)) room = response.write(bytes)
      return room ? Effect.void : drained(response)
    }).pipe(Effect.ensuring(Effect.sync(() => response.end())))
  }

  private readonly closed = () => {
    this.gone = true
    this.over()
  }

  private readonly finished = () => {
    this.socket.off("close", this.closed)
    // It also finishes when its connection is closed in the middle.
    if (this.socket.destroyed) this.gone = true
    this.over()
  }
}

const drained = (response: ServerResponse) =>
  Effect.async<void>((resume) => {
    const done = () => resume(Effect.void)
    response.once("drain", done)
    return Effect.sync(() => response.off("drain", done))
  })
