/**
 * One request and what becomes of it, as it is told by the access log, the metrics and the headers of the answer.
 *
 * @since 0.1.0
 */
import { type Cause, Context, Effect } from "effect"
import type { Receipt } from "../Receipt.ts"
import type { Recorder } from "../Receipt/Recorder.ts"

/**
 * One request and what becomes of it. Whoever learns something writes it down.
 *
 * @since 0.1.0
 * @category models
 */
export class Exchange {
  /** The path of the endpoint, once it is known. */
  route: string | undefined = undefined
  /** What was answered; 499 means that nobody was left to answer. */
  status = 499
  /** The first digits of the hash of its API key. */
  key: string | undefined = undefined
  traceId: string | undefined = undefined
  /** Writes the receipt of its aggregation. */
  recorder: Recorder | undefined = undefined
  /** Milliseconds after its start at which its answer was ready, and was only left to be sent. */
  answered: number | undefined = undefined
  /** Ends a streamed answer with a last word; at the cut of a drain it is called where others are interrupted. */
  close: (() => void) | undefined = undefined

  constructor(
    readonly id: string,
    readonly method: string,
    /** Without the query, which may hold what is nobody's business. */
    readonly path: string,
    readonly client: string | undefined,
    /** Milliseconds since its start. */
    readonly elapsed: () => number
  ) {}

  /** What is known of its aggregation, once one was started. */
  get receipt(): Receipt | undefined {
    return this.recorder?.receipt()
  }
}

/**
 * The exchange that is going on.
 *
 * @since 0.1.0
 * @category services
 */
export class Current extends Context.Tag("effect-muster/Server/Exchange")<Current, Exchange>() {}

/**
 * Logs a bug that an answer has died of.
 *
 * @since 0.1.0
 * @category logging
 */
export const logBug = ({ id, method, path }: Exchange, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logError(`${method} ${path} died`, cause), { request: id })
