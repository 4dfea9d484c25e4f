/**
 * Responses made of events: server-sent events, or lines of JSON.
 *
 * @since 0.1.0
 */
import { Chunk, Effect, Exit, FiberId, Mailbox, Schedule, Stream } from "effect"
import { types } from "./Accept.ts"
import type { Exchange } from "./Exchange.ts"
import * as Problem from "./Problem.ts"
import * as Reply from "./Reply.ts"

/**
 * Writes an event. `id` is what a browser that comes back says it saw last.
 *
 * @since 0.1.0
 * @category models
 */
export type Write = (event: string, data: object, id?: string) => void

/**
 * The id of the last event of a response. Whoever comes back with it has seen everything.
 *
 * @since 0.1.0
 * @category models
 */
export const lastId = "end"

/**
 * What is to be written.
 *
 * @since 0.1.0
 * @category models
 */
export interface Events {
  readonly form: "sse" | "ndjson"
  readonly exchange: Exchange
  /** Milliseconds between two signs of life. */
  readonly heartbeat: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * What becomes of events that a slow reader leaves no memory for. `end`: the response breaks off, and its reader sees that, since
   * the last event is missing. `drop`: at most 1 MB of them wait, the rest is left out and counted by the event `dropped`.
   */
  readonly overflow: "end" | "drop"
  /** Writes the events, at its own speed; the response ends when it does. */
  readonly run: (write: Write) => Effect.Effect<void>
}

/**
 * A response whose body is written while `run` runs, which does not wait for whoever reads it. When the response is closed
 * it is interrupted; when the server drains for too long, the last event is a `problem`.
 *
 * The headers leave with the first event, so write one at once.
 *
 * @since 0.1.0
 * @category responses
 */
export const respond = ({ exchange, form, headers, heartbeat, overflow, run }: Events): Reply.Reply => {
  const events = Effect.gen(function* () {
    const mailbox = yield* Mailbox.make<Uint8Array>()
    let waiting = 0
    let dropped = 0
    let isOver = false
    const done = () => {
      isOver = true
      mailbox.unsafeDone(Exit.void)
    }
    const offer = (bytes: Uint8Array): boolean => {
      if (overflow === "drop" && waiting + bytes.length > mostWaiting) return false
      if (!exchange.memory.take(bytes.length)) return false
      waiting += bytes.length
      return mailbox.unsafeOffer(bytes)
    }
    const write: Write = (event, data, id) => {
      // A source may end in the very instant in which the response does.
      if (isOver) return
      if (dropped > 0 && waiting === 0) {
        offer(encode[form]("dropped", { events: dropped }, undefined))
        dropped = 0
      }
      if (offer(encode[form](event, data, id))) return
      if (overflow === "drop") dropped += 1
      // A response that ended in the usual way would look whole to a reader that knows nothing of the last event.
      else exchange.message.socket.destroy()
    }
    const writing = yield* run(write).pipe(Effect.ensuring(Effect.sync(done)), Effect.forkScoped)
    exchange.close = () => {
      write("problem", Problem.body(Problem.draining), lastId)
      done()
      writing.unsafeInterruptAsFork(FiberId.none)
    }
    yield* Effect.sync(() => waiting === 0 && offer(beat[form])).pipe(
      Effect.schedule(Schedule.spaced(heartbeat)),
      Effect.forkScoped
    )
    return Stream.mapChunks(Mailbox.toStream(mailbox), (chunk) => {
      const bytes = Chunk.reduce(chunk, 0, (sum, { length }) => sum + length)
      waiting -= bytes
      exchange.memory.give(bytes)
      return chunk
    })
  })
  return Reply.make(Stream.unwrapScoped(events), {
    type: types[form],
    // The last asks proxies not to hold it back.
    headers: { ...headers, "cache-control": "no-store", "x-accel-buffering": "no" }
  })
}

/** In bytes. */
const mostWaiting = 1_000_000

const text = new TextEncoder()

const encode = {
  sse: (event: string, data: object, id: string | undefined) =>
    text.encode(`event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${Reply.written(data)}\n\n`),
  ndjson: (event: string, data: object) => text.encode(`${Reply.written({ event, ...data })}\n`)
}

/** For proxies that close what is silent, and to learn that nobody listens any more. */
const beat = { sse: text.encode(": heartbeat\n\n"), ndjson: text.encode(`{"event":"heartbeat"}\n`) }
