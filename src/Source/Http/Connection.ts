/**
 * One connection of undici's pool, which sends a request again when it broke because the server had closed it while it was idle.
 *
 * @since 0.1.0
 */
import * as Undici from "@effect/platform-node/Undici"
import type { Socket } from "node:net"
import * as Fault from "../Fault.ts"
import { type Progress, skipContinue } from "./Continue.ts"

/**
 * What undici is asked, and what it is told besides.
 *
 * @since 0.1.0
 * @category models
 */
export interface DispatchOptions extends Undici.Dispatcher.DispatchOptions {
  /** Is called when the request goes out a second time. */
  readonly onReconnect?: (() => void) | undefined
  /** Send it over a connection that has carried no request yet. */
  readonly fresh?: boolean
}

/**
 * A connection that sends a request once more, over a new connection, through `dispatch`, if all of this holds:
 *
 * - the connection had carried a request before, so that it may have been closed while it was idle;
 * - it broke off before the first byte of the answer;
 * - the request was not sent yet, or is idempotent (RFC 9110, 9.2.2): by its method, or because it has an `idempotency-key`, as in
 *   Go's `net/http`;
 * - its body is bytes, or none.
 *
 * @since 0.1.0
 * @category models
 */
export class Connection extends Undici.Client {
  private readonly state: State

  constructor(
    origin: string | URL,
    { connect, ...options }: ConnectionOptions,
    private readonly again: Undici.Dispatcher.Dispatch
  ) {
    const state: State = { socket: undefined, isUsed: false, awaitsAnswer: false, hasBytes: false }
    super(origin, {
      ...options,
      connect: (given, done) => {
        state.isUsed = state.awaitsAnswer = false
        connect(given, (...result) => {
          state.socket = result[1] ?? undefined
          if (state.socket !== undefined) skipContinue(state.socket, state)
          done(...result)
        })
      }
    })
    this.state = state
  }

  override dispatch(options: DispatchOptions, handler: Undici.Dispatcher.DispatchHandler): boolean {
    // Without its socket, a client connects before it sends. Another one of the pool may be free by now, and dead as well.
    if (options.fresh === true && this.state.isUsed) this.state.socket?.destroy()
    return super.dispatch(options, new Sending(options, handler, this.state, this.again))
  }
}

/**
 * How connections are made, and their limits.
 *
 * @since 0.1.0
 * @category models
 */
export type ConnectionOptions = Undici.Client.Options & { readonly connect: Undici.buildConnector.connector }

interface State extends Progress {
  socket: Socket | undefined
  /** Whether the socket has carried a request. */
  isUsed: boolean
}

/**
 * A request on this connection. It is a handler of undici's older form, which it calls inside: one of the newer form would have
 * the headers of every answer parsed twice.
 */
class Sending implements Undici.Dispatcher.DispatchHandler {
  private isSent = false
  private isReused = false

  constructor(
    private readonly options: DispatchOptions,
    private readonly handler: Undici.Dispatcher.DispatchHandler,
    private readonly state: State,
    private readonly again: Undici.Dispatcher.Dispatch
  ) {}

  onConnect(abort: (error?: Error) => void): void {
    const { state } = this
    this.isSent = true
    this.isReused = state.isUsed
    state.isUsed = state.awaitsAnswer = true
    state.hasBytes = false
    this.handler.onConnect?.(abort)
  }

  onError(error: Error): void {
    const { handler, options } = this
    if (!isDead(error) || !this.mayRepeat()) return handler.onError?.(error)
    // Undici is in the middle of clearing up after the connection.
    queueMicrotask(() => {
      options.onReconnect?.()
      // The cast: it may have more in it than undici knows.
      this.again({ ...options, fresh: true } as Undici.Dispatcher.DispatchOptions, handler)
    })
  }

  private mayRepeat(): boolean {
    const { body, fresh } = this.options
    if (fresh === true || (body !== null && body !== undefined && !(body instanceof Uint8Array))) return false
    // Undici looks at a connection that was idle before it sends, and at a reset then fails what it has not sent.
    if (!this.isSent) return this.state.isUsed
    return this.isReused && !this.state.hasBytes && isIdempotent(this.options)
  }

  onUpgrade(...its: Parameters<Handles["onUpgrade"]>): void {
    this.handler.onUpgrade?.(...its)
  }

  onHeaders(status: number, headers: Array<Buffer>, resume: () => void, text: string): boolean {
    return this.handler.onHeaders?.(status, headers, resume, text) ?? true
  }

  onData(chunk: Buffer): boolean {
    return this.handler.onData?.(chunk) ?? true
  }

  onComplete(trailers: Array<string> | null): void {
    this.handler.onComplete?.(trailers)
  }
}

type Handles = Required<Undici.Dispatcher.DispatchHandler>

const isDead = (error: Error): boolean => {
  const code = Fault.codeOf(error)
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE"
}

const idempotent = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])

const isIdempotent = ({ headers, method }: DispatchOptions): boolean =>
  idempotent.has(method) || (typeof headers === "object" && headers !== null && "idempotency-key" in headers)
