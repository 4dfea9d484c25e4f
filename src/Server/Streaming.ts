/**
 * Answers that are streamed: each source in the instant it ends, then the answer or the problem, then the receipt; as
 * server-sent events, or as lines of JSON.
 *
 * The events: `start` has the name of the aggregation; `source` how one of them ended, with its value where the endpoint
 * shows values; `answer` is what the plain answer would be, or `problem` why there is none; `receipt` is the last, where
 * the endpoint gives receipts. Lines of JSON have the name of the event in `event`, and a `heartbeat` from time to time.
 *
 * @since 0.1.0
 */
import { Cause, type Context, Effect, Exit } from "effect"
import type { Aggregator } from "../Aggregator.ts"
import * as Json from "../Json.ts"
import * as Outcome from "../Outcome.ts"
import { describe, type SourceReceipt } from "../Receipt.ts"
import { rounded } from "../Receipt/Instant.ts"
import type { Endpoint, Question } from "./Endpoint.ts"
import * as Events from "./Events.ts"
import { type Exchange, logBug } from "./Exchange.ts"
import * as Problem from "./Problem.ts"
import type { Reply } from "./Reply.ts"
import type { Wishes } from "./Wishes.ts"

/**
 * One answer to be streamed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Streamed<R> {
  readonly endpoint: Endpoint<R>
  readonly question: Question<R>
  readonly wished: Wishes
  readonly exchange: Exchange
  /** In milliseconds. */
  readonly heartbeat: number
  /** What the sources need. */
  readonly context: Context.Context<Aggregator | R>
}

/**
 * A response whose body is written while the sources are asked. They do not wait for whoever reads it; when the response
 * is closed they are cancelled.
 *
 * @since 0.1.0
 * @category responses
 */
export const respond = <R>(streamed: Streamed<R>): Reply => {
  const { context, endpoint, exchange, heartbeat, wished } = streamed
  return Events.respond({
    form: wished.form === "sse" ? "sse" : "ndjson",
    exchange,
    heartbeat,
    overflow: "end",
    headers: wished.headers,
    run: (write) => {
      write("start", { aggregation: endpoint.name })
      return Effect.provide(tell(streamed, write), context)
    }
  })
}

/** Asks, and writes what comes. */
const tell = <R>(
  { endpoint, exchange, question, wished }: Streamed<R>,
  write: Events.Write
): Effect.Effect<void, never, Aggregator | R> => {
  const told = new Set<string>()
  let over = false
  const errorOf = (error: SourceReceipt["error"]) =>
    error === null ? {} : { error: endpoint.receipts ? error : { tag: error.tag } }

  const listen = (source: string, exit: Exit.Exit<unknown, unknown>) => {
    // One that is interrupted is late or was cancelled: which of the two the receipt will know.
    if (over || (Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))) return
    told.add(source)
    const outcome = Outcome.fromExit(source, exit, 0)
    const failure = Exit.isFailure(exit) ? describe(Cause.squash(exit.cause)) : null
    const shown = Exit.isSuccess(exit) ? valueOf(endpoint, source, exit.value) : errorOf(failure)
    write("source", {
      source,
      outcome: Outcome.status(outcome),
      at: rounded(exchange.recorder?.now() ?? null),
      ...shown
    })
  }

  const finish = (event: "answer" | "problem", data: object) => {
    over = true
    const { receipt } = exchange
    for (const { end, error, name, outcome } of receipt?.sources ?? [])
      if (!told.has(name)) {
        told.add(name)
        write("source", { source: name, outcome, at: end, ...errorOf(error) })
      }
    const last = !endpoint.receipts || receipt === undefined
    write(event, data, last ? Events.lastId : undefined)
    if (!last) write("receipt", receipt, Events.lastId)
  }

  const died = (cause: Cause.Cause<unknown>) =>
    Effect.sync(() => finish("problem", Problem.body(Problem.bug(exchange.receipt, cause))))
  const asked = wished.handling === "lenient" && question.lenient ? question.lenient(listen) : question.strict(listen)
  return Effect.flatMap(asked, (answer) =>
    Effect.sync(() => finish("answer", { complete: exchange.receipt?.outcome === "succeeded", answer }))
  ).pipe(
    Effect.catchAllCause((cause) => {
      if (Cause.isInterruptedOnly(cause)) return Effect.void
      const failure = Cause.failureOption(cause)
      if (failure._tag === "None") return Effect.zipRight(logBug(exchange, cause), died(cause))
      return Effect.sync(() => finish("problem", Problem.body(Problem.unanswered(failure.value, endpoint.receipts))))
    })
  )
}

/** What is no JSON is left out: the source has answered all the same. */
const valueOf = ({ values }: Endpoint<unknown>, source: string, value: unknown): { readonly value?: unknown } => {
  if (values === undefined) return {}
  try {
    const shown = values(source, value)
    return Json.stringify(shown) === undefined ? {} : { value: shown }
  } catch {
    return {}
  }
}
