/**
 * One request and what becomes of it, as it is told by the access log, the metrics and the headers of the answer.
 *
 * @since 0.1.0
 */
import { type Cause, type Clock, Effect, type Exit } from "effect"
import type { IncomingMessage } from "node:http"
import type * as Memory from "../Memory.ts"
import type { Receipt } from "../Receipt.ts"
import type { Recorder } from "../Receipt/Recorder.ts"
import type { Begun } from "./Forking.ts"
import type { Reply } from "./Reply.ts"

/**
 * One request and what becomes of it. Whoever learns something writes it down.
 *
 * @since 0.1.0
 * @category models
 */
export class Exchange {
  /** A name for it: its own `x-request-id` if that can be read, else a new one. */
  readonly id: string
  readonly method: string
  url: string
  /** Without the query, which may hold what is nobody's business. */
  readonly path: string
  /** By their names in lower case. */
  headers: Readonly<Record<string, string | undefined>>
  readonly client: string | undefined
  /** The path of the endpoint, once it is known. */
  route: string | undefined = undefined
  /** What was answered; 499 means that nobody was left to answer. */
  status = 499
  /** The first digits of the hash of its API key. */
  key: string | undefined = undefined
  traceId: string | undefined = undefined
  /** Writes the receipt of its aggregation. */
  recorder: Recorder | undefined = undefined
  /** Milliseconds after its arrival at which its answer was ready, and was only left to be sent. */
  answered: number | undefined = undefined
  /** What every reply to it has among its headers. */
  shared: Readonly<Record<string, string>> = {}
  /** What it holds of the memory for all requests. */
  readonly memory: Memory.Account
  /** Ends a streamed answer with a last word; at the cut of a drain it is called where others are interrupted. */
  close: (() => void) | undefined = undefined
  /** Frees the place that it holds among those in flight; called again it does nothing. */
  leave: () => void = () => {}
  private hearReply: ((exit: Exit.Exit<Reply>) => void) | undefined = undefined
  private readonly start: bigint

  constructor(
    public message: IncomingMessage,
    private readonly clock: Clock.Clock,
    memory: Memory.Budget,
    /** How many milliseconds ago it arrived. */
    late: number
  ) {
    this.memory = memory.account()
    this.start = clock.unsafeCurrentTimeNanos() - BigInt(Math.round(late * 1e6))
    this.method = message.method!
    // Node gives lists only for cookies that are set, which no request does.
    this.headers = message.headers as Exchange["headers"]
    this.url = message.url!
    if (!this.url.startsWith("/")) this.readWhole()
    const given = this.headers["x-request-id"]
    this.id = given !== undefined && /^[\w.:+/=@-]{1,128}$/.test(given) ? given : crypto.randomUUID()
    const end = this.url.search(/[?#]/)
    this.path = end < 0 ? this.url : this.url.slice(0, end)
    this.client = message.socket.remoteAddress
  }

  /** `GET http://host/path`, which names the host itself (RFC 9112, 3.2.2). */
  private readWhole(): void {
    const [, host, rest] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(this.url) ?? []
    if (host === undefined || rest === undefined) return
    this.url = rest.startsWith("/") ? rest : `/${rest}`
    this.headers = { ...this.headers, host }
  }

  /** When it arrived, on the scale of `Deadline.Current`. */
  get arrivedAt(): number {
    return Number(this.start) / 1e6
  }

  /** Milliseconds since it arrived. */
  elapsed(): number {
    return Number(this.clock.unsafeCurrentTimeNanos() - this.start) / 1e6
  }

  /** The first aggregation that is started for it is the one that answers it. */
  started(recorder: Recorder): void {
    if (this.recorder !== undefined) return
    this.recorder = recorder
    recorder.waited = this.elapsed()
  }

  /** Calls back once there is a reply, or it is certain that there will be none. */
  onReply(hear: (exit: Exit.Exit<Reply>) => void): void {
    this.hearReply = hear
  }

  /** There is a reply, or there will be none. Its place is held until the reply has been sent: what is not sent is held in memory. */
  replied(exit: Exit.Exit<Reply>): void {
    this.hearReply?.(exit)
  }

  /**
   * All has been said of it: lets go of what is large. Closures of Effect lead to its fiber, and the fiber to this, till the
   * next full collection (see `Aggregator/Engine`).
   */
  forget(): void {
    // The cast: nobody looks at it any more.
    this.message = undefined as never
    this.recorder = this.hearReply = this.close = undefined
  }

  /** What is known of its aggregation, once one was started. */
  get receipt(): Receipt | undefined {
    return this.recorder?.receipt()
  }
}

/**
 * A reply that is there, or what will have one.
 *
 * @since 0.1.0
 * @category models
 */
export type Answer = Reply | Begun<Reply, never>

/**
 * An answer to whatever is asked.
 *
 * @since 0.1.0
 * @category models
 */
export type App = (exchange: Exchange) => Answer

/**
 * Logs a bug that an answer has died of.
 *
 * @since 0.1.0
 * @category logging
 */
export const logBug = ({ id, method, path }: Exchange, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logError(`${method} ${path} died`, cause), { request: id })
