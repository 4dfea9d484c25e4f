import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Page as Tab } from "playwright-core"
import * as Page from "../../src/Page.ts"
import type { Receipt } from "../../src/Receipt.ts"
import * as Chromium from "../Chromium.ts"
import { error, receipt, source } from "../Cli/Receipts.ts"

const hostile = `<img src="x" onerror="alert(1)">`

/** A search every two seconds for a minute: the slow one takes ever longer, every other call of the bad one fails. */
const searches: ReadonlyArray<Receipt> = Array.from({ length: 30 }, (_, n) =>
  receipt(
    [
      source("slow", 100 + 30 * n),
      source(hostile, 20, n % 2 === 0 ? { outcome: "failed", error, required: false } : { required: false })
    ],
    { id: `${n}`, aggregation: "search", startedAt: 1_700_000_000_000 + 2_000 * n, outcome: "partial" }
  )
)

const opened = (look?: Chromium.Look, receipts = searches) =>
  Effect.tap(Chromium.opened(Page.report(receipts, "muster"), look), ({ page }) =>
    Effect.promise(async () => {
      await page.waitForFunction((count) => document.querySelectorAll("#list > li").length === count, receipts.length)
      await page.locator("#plots").evaluate((plots) => plots.setAttribute("open", ""))
      await page.waitForFunction(() => {
        const figures = document.querySelectorAll("#figures > figure").length
        return figures > 0 && document.querySelectorAll("#figures canvas").length === 2 * figures
      })
    })
  )

/** The colours of the light style. */
const colours = {
  link: [11, 87, 208],
  stopped: [107, 79, 160],
  succeeded: [26, 127, 55],
  failed: [179, 38, 30],
  late: [138, 90, 0]
} as const

/** How many points of each picture have one of these colours. */
const painted = (page: Tab) =>
  page.locator("#figures canvas").evaluateAll(
    (all, colours) =>
      all.map((canvas) => {
        if (!(canvas instanceof HTMLCanvasElement)) return {}
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height)
        const counts: Record<string, number> = {}
        for (let at = 0; at < data.length; at += 4) {
          const is = ([red, green, blue]: readonly [number, number, number]) =>
            data[at] === red && data[at + 1] === green && data[at + 2] === blue
          for (const [name, colour] of Object.entries(colours)) if (is(colour)) counts[name] = (counts[name] ?? 0) + 1
        }
        return counts
      }),
    colours
  )

Chromium.suite("the plots of a page", () => {
  Chromium.test(
    "show each endpoint and each of its sources, as a picture and in words, with names as text whatever they are",
    Effect.gen(function* () {
      const { complaints, page } = yield* opened()
      const texts = yield* Effect.promise(() => page.locator("#figures > figure").allInnerTexts())
      const names = yield* Effect.promise(() =>
        page.locator("#figures .picture").evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")))
      )

      assert.deepStrictEqual(
        texts.map((text) => text.split("\n")[0]),
        ["search all answers", `${hostile} a source of search`, "slow a source of search"]
      )
      assert.include(texts[1], "15 ✓ succeeded, 15 ✗ failed")
      assert.include(texts[2], "p50 520 ms, p95 940 ms, p99 970 ms")
      assert.include(names, `${hostile} of search, how it ended: 15 ✓ succeeded, 15 ✗ failed`)
      assert.strictEqual(yield* Effect.promise(() => page.locator("img").count()), 0)
      const [, partial, lines, halves, , well] = yield* Effect.promise(() => painted(page))
      assert.isTrue(lines!["link"]! > 20 && lines!["stopped"]! > 20)
      assert.isTrue(halves!["succeeded"]! > 1_000 && halves!["failed"]! > 300)
      assert.isTrue(partial!["late"]! > 300 && well!["succeeded"]! > 2_000)
      assert.deepStrictEqual(complaints, [])
    })
  )

  Chromium.test(
    "have their figures in a table that the keyboard opens",
    Effect.gen(function* () {
      const { page } = yield* opened()
      const figure = page.locator("#figures > figure").nth(2)
      const table = yield* Effect.promise(async () => {
        await figure.locator("summary").focus()
        await page.keyboard.press("Enter")
        await figure.locator("table").waitFor()
        return figure.locator("tbody tr").allInnerTexts()
      })
      const cells = table.map((line) => line.split("\t"))

      assert.strictEqual(table.length, 30)
      assert.deepStrictEqual(cells[0]!.slice(1), ["1", "100 ms", "100 ms", "100 ms", "1 ✓ succeeded"])
      assert.deepStrictEqual(cells.at(-1)!.slice(1, 3), ["1", "970 ms"])
      assert.match(cells[0]![0]!, /^\d\d:\d\d:\d\d$/)
    })
  )

  Chromium.test(
    "follow the filters, and are painted again when the window or the light changes",
    Effect.gen(function* () {
      const { page } = yield* opened()
      const figures = page.locator("#figures > figure")
      yield* Effect.promise(() => page.selectOption("#source", "slow"))
      yield* Effect.promise(() => page.waitForFunction(() => document.querySelectorAll("figure").length === 2))
      assert.include(yield* Effect.promise(() => figures.nth(1).innerText()), "slow")

      const before = yield* Effect.promise(() => page.locator("canvas").first().screenshot())
      yield* Effect.promise(() => page.emulateMedia({ colorScheme: "dark" }))
      yield* Effect.promise(() => page.waitForTimeout(200))
      const dark = yield* Effect.promise(() => page.locator("canvas").first().screenshot())
      yield* Effect.promise(() => page.setViewportSize({ width: 700, height: 800 }))
      yield* Effect.promise(() => page.waitForTimeout(200))
      const widths = yield* Effect.promise(() =>
        figures
          .first()
          .evaluate((one) => [one.querySelector(".picture")!.clientWidth, one.querySelector("canvas")!.clientWidth])
      )

      assert.isFalse(before.equals(dark))
      assert.strictEqual(widths[0], widths[1])
    })
  )

  Chromium.test(
    "are twelve at most, however many sources there are",
    Effect.gen(function* () {
      const many = Array.from({ length: 100 }, (_, n) => receipt([source(`source ${n}`, 5)], { id: `${n}` }))
      const { page } = yield* opened({}, many)

      yield* Effect.promise(() => page.getByText("51 more are not shown").waitFor())
      assert.strictEqual(yield* Effect.promise(() => page.locator("figure").count()), 12)
      assert.strictEqual(yield* Effect.promise(() => page.locator(".stats tbody tr").count()), 50)
    })
  )

  for (const { dark, height, width } of Chromium.screens) {
    Chromium.test(
      `have no serious fault that axe finds, ${dark ? "dark" : "light"}, ${width} px wide, and scroll down only`,
      Effect.gen(function* () {
        const { complaints, page } = yield* opened({ dark, width, height })
        yield* Effect.promise(() => page.locator("#figures summary").first().click())
        yield* Effect.promise(() => page.locator("#figures table").first().waitFor())

        assert.deepStrictEqual(yield* Chromium.faults(page), [])
        assert.isTrue(yield* Effect.promise(() => page.evaluate(() => document.body.scrollWidth <= innerWidth)))
        assert.deepStrictEqual(complaints, [])
        yield* Chromium.picture(page, `plots-${dark}-${width}`)
      })
    )
  }
})
