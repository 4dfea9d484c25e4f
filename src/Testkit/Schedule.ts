/**
 * Schedules: what each source does, and how ties are broken. A space of them, each small enough to print.
 *
 * @since 0.1.0
 */
import { FastCheck } from "effect"
import type { Ties } from "./Machine.ts"
import * as Scripted from "./Scripted.ts"

/**
 * How a source ends: with a value, an error, a defect, or not at all.
 *
 * @since 0.1.0
 * @category models
 */
export type Ending<A = unknown, E = unknown> =
  { readonly succeed: A } | { readonly fail: E } | { readonly die: unknown } | "hang"

/**
 * What a source may do: one of each. Put the simplest first: a failing schedule is shrunk towards it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Behaviours {
  readonly ends: ReadonlyArray<Ending>
  /** Milliseconds; default `[0, 10, 20, 30]`. */
  readonly after?: ReadonlyArray<number> | undefined
  /** Milliseconds that its cleanup takes; default `[0]`. */
  readonly cleanup?: ReadonlyArray<number> | undefined
  /** Default `[false]`. */
  readonly uninterruptible?: ReadonlyArray<boolean> | undefined
}

/**
 * What a source does in one schedule.
 *
 * @since 0.1.0
 * @category models
 */
export interface Behaviour {
  readonly ends: Ending
  readonly after: number
  readonly cleanup: number
  readonly uninterruptible: boolean
}

/**
 * What every source does, and how ties are broken. It is plain data: print it, keep it, run it again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Schedule {
  readonly sources: Readonly<Record<string, Behaviour>>
  readonly ties: Ties
}

/**
 * The scripted sources of a space of schedules.
 *
 * @since 0.1.0
 * @category models
 */
export type Sources<S extends Readonly<Record<string, Behaviours>>> = {
  readonly [K in keyof S]: Scripted.Scripted<Value<S[K]["ends"][number]>, Failure<S[K]["ends"][number]>>
}

type Value<T> = T extends { readonly succeed: infer A } ? A : never
type Failure<T> = T extends { readonly fail: infer E } ? E : never

/**
 * The sources of a schedule, fresh.
 *
 * @since 0.1.0
 * @category constructors
 */
export const sourcesOf = (schedule: Schedule): Record<string, Scripted.Scripted<unknown, unknown>> =>
  Object.fromEntries(Object.entries(schedule.sources).map(([name, behaviour]) => [name, sourceOf(behaviour)]))

const sourceOf = (behaviour: Behaviour): Scripted.Scripted<unknown, unknown> => {
  const { ends } = behaviour
  if (ends === "hang") return Scripted.hangs({ cleanup: behaviour.cleanup })
  if ("succeed" in ends) return Scripted.succeeds(ends.succeed, behaviour)
  return "fail" in ends ? Scripted.fails(ends.fail, behaviour) : Scripted.dies(ends.die, behaviour)
}

/**
 * A space of schedules. A schedule in it is a point: for each choice, the position of what was chosen.
 *
 * @since 0.1.0
 * @category models
 */
export interface Space {
  readonly size: number
  readonly at: (point: Point) => Schedule
  /** Every point, if there are no more than `most`; otherwise a sample of that size, the same for the same seed. */
  readonly points: (most: number, seed: number) => Iterable<Point>
  /** Simpler points next to this one, the simplest first. */
  readonly simpler: (point: Point) => Iterable<Point>
}

/** @since 0.1.0 */
export type Point = ReadonlyArray<number>

const ties: ReadonlyArray<Ties> = ["forward", "backward", "together"]

/**
 * The space of all that the sources may do.
 *
 * @since 0.1.0
 * @category constructors
 */
export const space = (sources: Readonly<Record<string, Behaviours>>): Space => {
  const all = Object.entries(sources).map(
    ([name, behaviours]) =>
      [
        name,
        behaviours.ends,
        behaviours.after ?? [0, 10, 20, 30],
        behaviours.cleanup ?? [0],
        behaviours.uninterruptible ?? [false]
      ] as const
  )
  const sizes = [...all.flatMap(([, ...choices]) => choices.map((choice) => choice.length)), ties.length]
  const size = sizes.reduce((product, choices) => product * choices, 1)
  return {
    size,
    at: (point) => ({
      sources: Object.fromEntries(
        all.map(([name, ends, after, cleanup, uninterruptible], index) => {
          const [a, b, c, d] = point.slice(index * 4)
          const chosen = {
            ends: ends[a!]!,
            after: after[b!]!,
            cleanup: cleanup[c!]!,
            uninterruptible: uninterruptible[d!]!
          }
          return [name, chosen]
        })
      ),
      ties: ties[point.at(-1)!]!
    }),
    points: (most, seed) =>
      size <= most
        ? everyPoint(sizes)
        : FastCheck.sample(FastCheck.tuple(...sizes.map((choices) => FastCheck.nat(choices - 1))), {
            seed,
            numRuns: most
          }),
    simpler: function* (point) {
      for (const [place, choice] of point.entries()) {
        for (let smaller = 0; smaller < choice; smaller++) yield point.with(place, smaller)
      }
    }
  }
}

function* everyPoint(sizes: ReadonlyArray<number>): Iterable<Point> {
  const point = sizes.map(() => 0)
  for (;;) {
    yield [...point]
    let place = 0
    while (place < sizes.length && ++point[place]! === sizes[place]) point[place++] = 0
    if (place === sizes.length) return
  }
}
