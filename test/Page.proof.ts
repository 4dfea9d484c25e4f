import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import type { Page as Tab } from "playwright-core"
import * as Page from "../src/Page.ts"
import type { Receipt } from "../src/Receipt.ts"
import * as Recording from "../src/Receipt/Recording.ts"
import * as Chromium from "./Chromium.ts"
import { error, receipt, source } from "./Cli/Receipts.ts"

const hostile = `<img src="x" onerror="alert(1)">`
const attempt = { kind: "first", start: 0, end: 30, outcome: "failed" } as const

const receipts: ReadonlyArray<Receipt> = [
  receipt([source("profile", 40), source("orders", 55)], { id: "one" }),
  receipt([source("profile", 30, { outcome: "failed", error }), source(hostile, 30, { outcome: "cancelled" })], {
    id: "two",
    outcome: "failed",
    firstCause: { kind: "failure", source: "profile", message: "it is down", at: 30 },
    victims: [hostile]
  }),
  receipt(
    [
      source("stock", 900, {
        guards: {
          calls: 2,
          attempts: [attempt, { kind: "retry", start: 60, end: 900, outcome: "succeeded" }],
          queued: 20,
          served: null,
          refused: null
        }
      })
    ],
    { id: "three", aggregation: `</script>${hostile}`, deadline: 1_000 }
  )
]

const opened = (shown: ReadonlyArray<Receipt>, look?: Chromium.Look) =>
  Chromium.opened(Page.report(shown, `muster: ${hostile}`), look)

const rows = (page: Tab) => page.locator("#list > li:visible")

Chromium.suite("a report in a browser", () => {
  Chromium.test(
    "shows every receipt, the latest first, with names as text whatever they are",
    Effect.gen(function* () {
      const { complaints, page } = yield* opened(receipts)
      const texts = yield* Effect.promise(() => rows(page).allInnerTexts())

      assert.strictEqual(texts.length, 3)
      assert.include(texts[0], `</script>${hostile}`)
      assert.include(texts[1], "profile failed at 30 ms")
      assert.strictEqual(yield* Effect.promise(() => page.locator("img").count()), 0)
      assert.deepStrictEqual(complaints, [])
    })
  )

  Chromium.test(
    "opens one by its link, and marks its first cause and whom it stopped",
    Effect.gen(function* () {
      const { complaints, page } = yield* opened(receipts)
      yield* Effect.promise(() => rows(page).nth(1).locator("a").click())
      const table = yield* Effect.promise(() => page.locator(".waterfall").innerText())

      assert.match(table, /profile\s*first cause/)
      assert.include(table, "SourceUnavailable: it is down")
      assert.include(table, `${hostile}stopped by profile`)
      assert.match(page.url(), /#two$/)
      assert.strictEqual(yield* Effect.promise(() => page.evaluate(() => document.activeElement?.tagName)), "H2")
      assert.deepStrictEqual(complaints, [])
    })
  )

  Chromium.test(
    "is filtered by endpoint, outcome, source, duration and text",
    Effect.gen(function* () {
      const { page } = yield* opened(receipts)
      const shown = (set: () => Promise<unknown>) =>
        Effect.promise(async () => {
          await page.reload()
          await set()
          for (let frame = 0; frame < 5; frame++) await page.evaluate(() => new Promise(requestAnimationFrame))
          return rows(page).count()
        })

      assert.deepStrictEqual(
        [
          yield* shown(() => page.selectOption("#endpoint", "dashboard")),
          yield* shown(() => page.selectOption("#outcome", "failed")),
          yield* shown(() => page.selectOption("#source", "stock")),
          yield* shown(() => page.fill("#duration", "50")),
          yield* shown(() => page.fill("#text", "IT IS DOWN")),
          yield* shown(() => page.fill("#text", "nobody"))
        ],
        [2, 1, 1, 2, 1, 0]
      )
    })
  )

  Chromium.test(
    "gives back the receipt that is open as a file, which reads as what it was",
    Effect.gen(function* () {
      const { page } = yield* opened(receipts)
      yield* Effect.promise(() => rows(page).nth(2).locator("a").click())
      const file = yield* Effect.promise(async () => {
        const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download")])
        return readFileSync((await download.path())!, "utf8")
      })

      assert.deepStrictEqual(yield* Effect.orDie(Recording.parse(file)), receipts[0])
    })
  )

  for (const dark of [false, true]) {
    for (const width of [360, 1280]) {
      Chromium.test(
        `has no serious fault that axe finds, ${dark ? "dark" : "light"}, ${width} px wide, and scrolls down only`,
        Effect.gen(function* () {
          const { complaints, page } = yield* opened(receipts, { dark, width })
          yield* Effect.promise(() => rows(page).nth(1).locator("a").click())

          assert.deepStrictEqual(yield* Chromium.faults(page), [])
          assert.isTrue(yield* Effect.promise(() => page.evaluate(() => document.body.scrollWidth <= innerWidth)))
          assert.deepStrictEqual(complaints, [])
          yield* Chromium.picture(page, `report-${dark}-${width}`)
        })
      )
    }
  }

  Chromium.test(
    "says so when there is nothing in it",
    Effect.gen(function* () {
      const { page } = yield* opened([])
      assert.include(yield* Effect.promise(() => page.innerText("body")), "There is no receipt in it.")
    })
  )

  Chromium.test(
    "keeps no more than a hundred thousand sources, and shows five hundred of one, what was the cause first",
    Effect.gen(function* () {
      const items = Array.from({ length: 60_000 }, (_, n) => source(`${n}`, 5))
      const bad = source("the last", 9, { outcome: "failed", error })
      const large = receipt([...items, bad], {
        policy: "forEach",
        outcome: "failed",
        firstCause: { kind: "failure", source: "the last", message: "it is down", at: 9 }
      })
      const { page } = yield* opened([
        { ...large, id: "before" },
        { ...large, id: "last" }
      ])
      yield* Effect.promise(() => page.getByText("1 of 1 aggregations").waitFor())
      yield* Effect.promise(() => rows(page).locator("a").click())
      // Sixty thousand sources take a while to be looked through.
      yield* Effect.promise(() => page.locator(".waterfall caption").waitFor())

      assert.match(page.url(), /#last$/)
      // The cause has a line more, for its error.
      assert.strictEqual(yield* Effect.promise(() => page.locator(".waterfall tbody tr").count()), 501)
      assert.include(yield* Effect.promise(() => page.locator(".waterfall tbody tr").first().innerText()), "the last")
      assert.include(yield* Effect.promise(() => page.innerText(".waterfall caption")), "500 of 60001")
    })
  )

  Chromium.test(
    "draws a thousand a few at a time, so that it never holds up the browser for long",
    Effect.gen(function* () {
      const many = Array.from({ length: 1_000 }, (_, n) =>
        receipt([source("profile", n), source("orders", 55)], { id: `${n}` })
      )
      const counting = `window.most = 0
        new MutationObserver((records) => {
          window.most = Math.max(window.most, records.filter(({ target }) => target.id === "list").length)
        }).observe(document, { childList: true, subtree: true })`
      const { page } = yield* opened(many, { before: counting })
      yield* Effect.promise(() => page.waitForFunction(() => document.querySelectorAll("#list > li").length === 1_000))

      // A row takes a quarter of a millisecond.
      assert.isAtMost(yield* Effect.promise(() => page.evaluate<number>("most")), 40)
    })
  )
})
