/**
 * Runs a program on one schedule.
 *
 * @since 0.1.0
 */
import { Effect, FiberRef, HashSet } from "effect"
import type { Receipt } from "../Receipt.ts"
import { type Recorder, Started } from "../Receipt/Recorder.ts"
import * as Machine from "./Machine.ts"
import { Outside } from "./Outside.ts"
import * as Schedule from "./Schedule.ts"
import type { Seen } from "./Scripted.ts"

/**
 * What came of a program on one schedule.
 *
 * @since 0.1.0
 * @category models
 */
export interface Explored<A = unknown, E = unknown> extends Machine.Ran<A, E> {
  readonly schedule: Schedule.Schedule
  /** What each source saw. */
  readonly seen: Readonly<Record<string, Seen>>
  /** Of every gather, group and aggregation in the program, in the order in which they began. */
  readonly receipts: ReadonlyArray<Receipt>
  /** The sources that hang, and were being asked when the program could go no further; empty if it returned. */
  readonly hanging: ReadonlyArray<string>
  /**
   * What the program waited for, or left behind, besides virtual time: real timers, promises and requests, with the place
   * in the code that made each.
   */
  readonly outside: ReadonlyArray<string>
}

/**
 * What must be true of a program on every schedule: `check` says what is wrong, or nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Invariant<A = unknown, E = unknown> {
  readonly name: string
  readonly check: (run: Explored<A, E>) => string | undefined
}

/**
 * Runs a program on one schedule. `Explored.outside` has names if it is watched (by `node:async_hooks`, which costs time);
 * otherwise `suspect` says whether there may be something to name.
 *
 * @since 0.1.0
 * @category running
 */
export const runOn = <Sources, A, E>(
  program: (sources: Sources) => Effect.Effect<A, E>,
  schedule: Schedule.Schedule,
  watch: boolean
): Effect.Effect<Explored<A, E> & { readonly suspect: boolean }> =>
  Effect.async((resume) => {
    const sources = Schedule.sourcesOf(schedule)
    const recorders: Array<Recorder> = []
    const started = (recorder: Recorder) => void recorders.push(recorder)
    // The names and types of the sources are those of the space that the schedule was taken from.
    const watched = Effect.suspend(() => program(sources as Sources)).pipe(
      Effect.provideService(Started, started),
      // A thousand schedules would log a thousand times what one, reproduced, can say.
      Effect.locally(FiberRef.currentLoggers, HashSet.empty())
    )
    const seen = Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, source.seen]))
    const outside = new Outside(watch)
    let hanging: ReadonlyArray<string> = []
    const running = Machine.steps(watched, schedule.ties, () => {
      hanging = hangs(schedule, seen)
      if (hanging.length === 0) outside.lookForPromises()
    })

    const came = (ran: Machine.Ran<A, E>) => {
      const receipts = recorders.map((recorder) => recorder.receipt())
      const stuck = ran.exit._tag === "None" && ran.rested && hanging.length === 0
      const suspect = outside.suspect || stuck
      return { ...ran, schedule, seen, receipts, hanging, outside: outside.found, suspect }
    }
    let next: NodeJS.Immediate
    const step = () => {
      try {
        outside.look()
        const { done, value } = outside.run(() => running.next())
        if (!done) return void (next = setImmediate(step))
        resume(Effect.succeed(came(value)))
      } catch (thrown) {
        resume(Effect.die(thrown))
      }
      outside.close()
    }
    // Between two immediates every promise resolves that can without timers, sockets and files, in Node's own order. It takes
    // 0.8 µs, where a schedule takes 400.
    next = setImmediate(step)
    return Effect.sync(() => {
      clearImmediate(next)
      outside.close()
    })
  })

const hangs = ({ sources }: Schedule.Schedule, seen: Explored["seen"]): ReadonlyArray<string> =>
  Object.entries(seen).flatMap(([name, { asked, interrupted }]) =>
    sources[name]?.ends === "hang" && asked.length > interrupted.length ? [name] : []
  )

// As they are before a test fakes timers.
const { clearImmediate, setImmediate } = globalThis
