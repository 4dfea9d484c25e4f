/**
 * A bounded group: as many pages as you like, but only so many bytes in flight. A page takes as much of the limit as it
 * weighs.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { Group } from "../../src/index.ts"

export interface Page {
  readonly name: string
  readonly weight: number
}

export class PageMissing extends Schema.TaggedError<PageMissing>()("PageMissing", { name: Schema.String }) {
  override get message() {
    return `there is no ${this.name}`
  }
}

export type Fetch = (page: Page) => Effect.Effect<void, PageMissing>

/** Fetches all pages, or stops at the first that is missing. `go` waits while the limit is reached. */
export const crawl = (pages: Iterable<Page>, limit: number, fetch: Fetch) =>
  Effect.scoped(
    Effect.gen(function* () {
      const group = yield* Group.make<PageMissing>({ limit })
      for (const page of pages) yield* group.go(fetch(page), { name: page.name, weight: page.weight })
      yield* group.wait
    })
  )

/** Fetches what fits in at once, and answers with the pages that it turned away instead of making them wait. */
export const crawlWhatFits = (pages: Iterable<Page>, limit: number, fetch: Fetch) =>
  Effect.scoped(
    Effect.gen(function* () {
      const group = yield* Group.make<PageMissing>({ limit })
      const turnedAway: Array<Page> = []
      for (const page of pages) {
        const fits = yield* group.tryGo(fetch(page), { name: page.name, weight: page.weight })
        if (!fits) turnedAway.push(page)
      }
      yield* group.wait
      return turnedAway
    })
  )

export const pages = (weights: ReadonlyArray<number>): ReadonlyArray<Page> =>
  weights.map((weight, index) => ({ name: `page ${index + 1}`, weight }))

/** Takes a tenth of a second for any page, and remembers the most that it ever had in flight. */
export const makeFetch = () => {
  const meter = { inFlight: 0, most: 0, fetched: 0 }
  const weigh = (weight: number) =>
    Effect.sync(() => {
      meter.inFlight += weight
      meter.most = Math.max(meter.most, meter.inFlight)
    })
  const fetch: Fetch = ({ weight }) =>
    Effect.acquireUseRelease(
      weigh(weight),
      () => Effect.andThen(Effect.sleep("100 millis"), () => void (meter.fetched += 1)),
      () => weigh(-weight)
    )
  return Object.assign(fetch, { meter })
}

export const program = Effect.gen(function* () {
  const fetch = makeFetch()
  yield* crawl(pages(Array.from({ length: 100 }, () => 1)), 10, fetch)
  yield* Console.log(`${fetch.meter.fetched} pages, at most ${fetch.meter.most} at a time`)
  const turnedAway = yield* crawlWhatFits(pages([4, 4, 4, 2]), 10, fetch)
  yield* Console.log(`turned away: ${turnedAway.map((page) => page.name).join(", ")}`)
})

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
