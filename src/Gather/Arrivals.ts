/**
 * Outcomes as they arrive: the loop behind `stream`.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Mailbox, Stream } from "effect"
import * as Cleanup from "../Cleanup.ts"
import type { Outcome } from "../Outcome.ts"
import type { Entry } from "../Receipt/Recorder.ts"
import { collected, type Context, enter, reference } from "./Policies.ts"
import type { Task } from "./Run.ts"

/**
 * `[name, outcome]` of a source.
 *
 * @since 0.1.0
 * @category models
 */
export type Arrived<A, E> = readonly [name: string, outcome: Outcome<A, E>]

/**
 * Puts `[name, outcome]` of each task into a mailbox in the instant it ends; at the deadline those that are missing, in
 * input order.
 *
 * @since 0.1.0
 * @category policies
 */
export const arrive = <A, E, R>(
  { ask = reference, options, recorder, where }: Context,
  tasks: ReadonlyArray<Task<A, E, R>>,
  mailbox: Mailbox.Mailbox<Arrived<A, E>>
): Effect.Effect<void, never, R> => {
  const entries = enter<A, E, R>(recorder, tasks, options)
  const missing = new Set(entries)
  const send = (entry: Entry<A, E>) => {
    missing.delete(entry)
    mailbox.unsafeOffer([entry.name, entry.result])
  }
  const decides = (entry: Entry<A, E>) => {
    send(entry)
    return false
  }
  return ask({ where, recorder, options, decides }, entries, tasks, ({ struck }) => {
    missing.forEach(send)
    collected(recorder, entries, struck)
    return Effect.void
  })
}

/**
 * A stream of what a run puts into a mailbox. Whoever stops reading interrupts the run.
 *
 * @since 0.1.0
 * @category policies
 */
export const streamed = <A, E, R>(
  run: (mailbox: Mailbox.Mailbox<Arrived<A, E>>) => Effect.Effect<void, never, R>
): Stream.Stream<Arrived<A, E>, never, R> =>
  Stream.unwrapScoped(
    Effect.flatMap(Mailbox.make<Arrived<A, E>>(), (mailbox) =>
      run(mailbox).pipe(
        // Here, and not where the tasks are asked: a wrong option is refused before that, and must end the stream too.
        Effect.onExit((exit) => Effect.sync(() => mailbox.unsafeDone(Exit.asVoid(exit)))),
        Cleanup.handled,
        Effect.forkScoped,
        Effect.as(Mailbox.toStream(mailbox))
      )
    )
  )
