/**
 * Measures variants of the same work beside each other: in rounds, each variant once a round and in another order each
 * time, so that what disturbs the machine disturbs all of them.
 *
 * The figure is CPU time (user and system, with the threads of the garbage collector): it moves less than the clock on
 * the wall when the machine is busy with other things. The garbage is collected when it is due, and that counts: a
 * collection that is forced throws compiled code away, and for a while all that follows costs up to ten times as much.
 */
import { type Median, median } from "./Median.ts"

/** One way to do the work; so many times, one after the other, and how many microseconds of CPU that took. */
export interface Variant {
  readonly name: string
  readonly cost: (times: number) => Promise<number>
}

const spent = () => {
  const { system, user } = process.cpuUsage()
  return system + user
}

/** A way that works in this process. */
export const here = (name: string, run: (times: number) => Promise<unknown>): Variant => ({
  name,
  cost: async (times) => {
    const before = spent()
    await run(times)
    return spent() - before
  }
})

/** A way that gives a promise. */
export const promise = (name: string, once: () => PromiseLike<unknown>): Variant =>
  here(name, async (times) => {
    for (let n = 0; n < times; n++) await once()
  })

/** What was measured of one variant: microseconds of CPU for one run, a round each. */
export interface Measured {
  readonly name: string
  readonly rounds: ReadonlyArray<number>
}

/** How many times as much the first costs as the second: the median of the ratios of each round. */
export const ratio = (measured: ReadonlyArray<Measured>, over: string, under: string): Median | undefined => {
  const [a, b] = [over, under].map((name) => measured.find((one) => one.name === name)?.rounds)
  return a === undefined || b === undefined ? undefined : median(a.map((figure, round) => figure / b[round]!))
}

/** All of them, beginning with another one each round, and every second round backwards. */
export const inTurn = <A>(all: ReadonlyArray<A>, round: number): ReadonlyArray<A> => {
  const order = all.map((_, index) => all[(index + round) % all.length]!)
  return round % 2 === 0 ? order : order.reverse()
}

/** Runs each variant for about `millis` a round. */
export const measure = async (
  variants: ReadonlyArray<Variant>,
  { millis = 50, rounds = 20 }: { readonly rounds?: number; readonly millis?: number } = {}
): Promise<ReadonlyArray<Measured>> => {
  const times = new Map<Variant, number>()
  for (const variant of variants) {
    // Until it is warm, which much code is after a second; what the last runs took says how many make a round.
    let runs = 1
    for (const until = performance.now() + 24 * millis; ;) {
      const micros = (await variant.cost(runs)) / runs
      if (performance.now() > until) break
      runs = Math.max(1, Math.min(2 * runs, Math.round((1_000 * millis) / micros)))
    }
    times.set(variant, runs)
  }
  const figures = new Map(variants.map((variant) => [variant, [] as Array<number>]))
  for (let round = 0; round < rounds; round++)
    for (const variant of inTurn(variants, round)) {
      const runs = times.get(variant)!
      figures.get(variant)!.push((await variant.cost(runs)) / runs)
    }
  return variants.map((variant) => ({ name: variant.name, rounds: figures.get(variant)! }))
}
