/**
 * Sends replies, and knows whether they arrived.
 *
 * @since 0.1.0
 */
import { Chunk, Effect, Stream } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { isPieces, lengthOf, type Reply } from "./Reply.ts"

/**
 * How long a client may take to read an answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Patience {
  /** How many milliseconds a client may read nothing of its answer before it is let go. */
  readonly timeout: number
  /**
   * How many bytes a second it must read while there is more to send, on average over that time, or over as long as 128 kB take
   * at that rate. 0: no such bound.
   */
  readonly minRate: number
}

/** A longer body is written in pieces of this size, so that what a client reads of it can be seen. In bytes. */
const piece = 64 * 1_024

/** Bytes are not copied. */
const bufferOf = (part: string | Uint8Array): Buffer =>
  typeof part === "string" ? Buffer.from(part) : Buffer.from(part.buffer, part.byteOffset, part.byteLength)

/** Views of the same memory. */
function* slices(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += piece) yield bytes.subarray(start, start + piece)
}

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
  /** How many bytes of the body were taken by the socket. */
  private taken = 0
  private watch: NodeJS.Timeout | undefined = undefined

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly patience: Patience,
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
    response.socket?.setTimeout(this.patience.timeout)
    const whole: Array<string> = []
    for (const name in headers) if (more[name] === undefined) whole.push(name, headers[name]!)
    for (const name in more) if (more[name] !== undefined) whole.push(name, more[name])
    const length = lengthOf(body)
    if (length !== undefined) whole.push("content-length", String(length))
    response.writeHead(status, whole)
    // Of a HEAD, Node sends no body.
    if (request.method === "HEAD") response.end()
    else if (isPieces(body)) this.sendPieces(body.map(bufferOf))
    else if (typeof body === "string" && body.length > piece) this.sendPieces([Buffer.from(body)])
    else if (typeof body !== "object") response.end(body)
  }

  /** Writes a stream as fast as it is read. */
  writing(stream: Stream.Stream<Uint8Array>): Effect.Effect<void> {
    const { response } = this
    return Stream.runForEachChunk(stream, (chunk) => {
      let room = true
      for (const bytes of Chunk.toReadonlyArray(chunk)) {
        room = response.write(bytes)
        this.taken += bytes.length
      }
      return room ? Effect.void : this.drained
    }).pipe(Effect.ensuring(Effect.sync(() => response.end())))
  }

  private sendPieces(whole: ReadonlyArray<Buffer>): void {
    const { response } = this
    const left = whole.flatMap((bytes) => Array.from(slices(bytes)))
    const next = (): void => {
      for (let room = true; room && !this.gone;) {
        const bytes = left.shift()
        if (bytes === undefined) {
          response.off("drain", next)
          response.end()
          return
        }
        this.taken += bytes.length
        room = response.write(bytes)
      }
      this.watchRate()
    }
    response.on("drain", next)
    next()
  }

  private readonly drained = Effect.async<void>((resume) => {
    this.watchRate()
    const done = () => resume(Effect.void)
    this.response.once("drain", done)
    return Effect.sync(() => this.response.off("drain", done))
  })

  /** A timeout alone is dodged by a client that reads a few bytes now and then. */
  private watchRate(): void {
    const { minRate, timeout } = this.patience
    if (this.watch !== undefined || minRate === 0 || timeout === Infinity) return
    let before = this.taken
    // Shorter, a client that is just fast enough would not always have taken a whole piece.
    const window = Math.max(timeout, (2_000 * piece) / minRate)
    const least = (minRate * window) / 1_000
    this.watch = setInterval(() => {
      if (this.response.writableNeedDrain && this.taken - before < least) this.socket.destroy()
      before = this.taken
    }, window).unref()
  }

  private readonly closed = () => {
    clearInterval(this.watch)
    this.gone = true
    this.over()
  }

  private readonly finished = () => {
    clearInterval(this.watch)
    this.socket.off("close", this.closed)
    // It also finishes when its connection is closed in the middle.
    if (this.socket.destroyed) this.gone = true
    this.over()
  }
}
