import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Page as Tab } from "playwright-core"
import * as Chromium from "../Chromium.ts"
import { ask, dashboard, down, serve } from "../Server/Stage.ts"

/** What the browser tells of a thing that it did: how long it took, and how long the processor, in microseconds. */
interface Traced {
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly dur?: number
  readonly tdur?: number
  readonly args: { readonly name?: string }
}

/** The categories in which the browser tells of tasks, and of the names of threads. */
const categories = ["toplevel", "__metadata"]

/**
 * The longest task of a page while something is done, in milliseconds. By the clock it is as long as the other programs
 * of the machine make it; what counts is the time of the processor.
 */
const longest = (page: Tab, doing: Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    const browser = page.context().browser()!
    yield* Effect.promise(() => browser.startTracing(page, { categories }))
    yield* doing
    const trace = yield* Effect.promise(() => browser.stopTracing())
    const events: ReadonlyArray<Traced> = JSON.parse(trace.toString()).traceEvents
    const threadOf = ({ pid, tid }: Traced) => `${pid} ${tid}`
    const mains = new Set(events.filter(({ args }) => args.name === "CrRendererMain").map(threadOf))
    const tasks = events.filter((event) => event.name.endsWith("RunTask") && mains.has(threadOf(event)))
    assert.isAbove(tasks.length, 10)
    const most = (of: (event: Traced) => number | undefined) => Math.max(...tasks.map((task) => of(task) ?? 0)) / 1_000
    return { cpu: most(({ tdur }) => tdur), clock: most(({ dur }) => dur) }
  })

/** The least of three at most: what is done besides only ever makes it longer. */
const least = (measured: ReturnType<typeof longest>) =>
  Effect.gen(function* () {
    const first = yield* measured
    if (first.cpu < 50) return first
    const [second, third] = [yield* measured, yield* measured]
    return [first, second, third].reduce((a, b) => (a.cpu < b.cpu ? a : b))
  })

/** What the page itself sees of tasks of more than 50 ms by the clock. */
const counting = `
  window.long = 0
  new PerformanceObserver((list) => void (window.long += list.getEntries().length)).observe({ type: "longtask" })`

const count = 1_000

/** Waits until so many are shown, without what playwright does to find a text: that too is a task of the page. */
const shows = (page: Tab, shown: number) =>
  page.waitForFunction(
    (text) => document.getElementById("count")?.textContent === text,
    `${shown} of ${count} aggregations`
  )

Chromium.suite("a page of a thousand aggregations", () => {
  Chromium.test(
    "has no task of more than 50 ms: not when it opens, nor when more come, nor when it is filtered",
    Effect.gen(function* () {
      const isBad = (id: string) => Number(id) % 2 === 0
      const profile = (id: string) => (isBad(id) ? Effect.fail(down("profile")) : Effect.succeed(id))
      const { admin, url } = yield* serve([dashboard(profile, Effect.succeed(5))])
      const asking = (n: number) => ask(`${url}/dashboard?id=${n}`)
      yield* Effect.forEach(Array.from({ length: count }).keys(), asking, { concurrency: 20, discard: true })
      const { complaints, page } = yield* Chromium.open("about:blank", { before: counting })

      const opens = Effect.promise(async () => {
        await page.goto(admin)
        await shows(page, count)
        await page.waitForFunction(() => document.querySelectorAll("#figures canvas").length === 6)
      })
      const more = Effect.forEach(Array.from({ length: 150 }).keys(), (n) => Effect.delay(asking(n), "20 millis"))
      const filtered = Effect.promise(async () => {
        await page.keyboard.insertText("nobody has this in it")
        await shows(page, 0)
        await page.keyboard.press("Control+A")
        await page.keyboard.press("Delete")
        await shows(page, count)
      })
      const focus = Effect.promise(() => page.focus("#text"))
      const seen = {
        opens: yield* least(longest(page, opens)),
        more: yield* least(longest(page, more)),
        filtered: yield* Effect.zipRight(focus, least(longest(page, filtered)))
      }
      const long = yield* Effect.promise(() => page.evaluate<number>("long"))
      console.info(`the longest tasks in ms: ${JSON.stringify(seen)}; ${long} of more than 50 ms by the clock`)

      for (const [doing, { cpu }] of Object.entries(seen)) assert.isBelow(cpu, 50, doing)
      assert.strictEqual(yield* Effect.promise(() => page.locator("#list > li").count()), count)
      assert.deepStrictEqual(complaints, [])
    })
  )
})
