import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Page as Tab } from "playwright-core"
import * as Page from "../../src/Page.ts"
import * as Chromium from "../Chromium.ts"

const hostile = `<img src="x" onerror="alert(1)">`

const setting = (label: string, complete: number, p95: number | null, high: number | null = p95): Page.Setting => ({
  label,
  isRecorded: label === "as recorded",
  shares: {
    complete: { value: complete, low: complete - 0.05, high: Math.min(1, complete + 0.05) },
    answered: { value: 1, low: 0.97, high: 1 }
  },
  times: {
    p50: { value: 50, low: 40, high: 60 },
    p95: { value: p95, low: p95 === null ? null : p95 - 20, high },
    p99: { value: 1_000, low: 900, high: 1_000 }
  }
})

const all: ReadonlyArray<Page.Explained> = [
  {
    title: "dashboard",
    settings: [
      setting("as recorded", 0.97, 950),
      setting("deadline 500ms", 0.47, 500, null),
      setting(`optional ${hostile}`, 0.97, 950),
      setting("never", 0.1, null)
    ],
    lines: ["what was printed", `of ${hostile}`]
  },
  { title: hostile, settings: [setting("as recorded", 1, 5)], lines: [] }
]

const opened = (look?: Chromium.Look) =>
  Effect.tap(Chromium.opened(Page.explained(all, "muster explain: x"), look), ({ page }) =>
    Effect.promise(() => page.waitForFunction(() => document.querySelectorAll("canvas").length === 2))
  )

/** What is written in the first picture, and at which height and how far to the right. */
const spy = `window.written = []
  const fillText = CanvasRenderingContext2D.prototype.fillText
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    window.written.push({ text, x, y })
    return fillText.call(this, text, x, y)
  }`

const written = (page: Tab) =>
  page.evaluate<ReadonlyArray<{ readonly text: string; readonly x: number; readonly y: number }>>("window.written")

Chromium.suite("the page of settings", () => {
  Chromium.test(
    "marks each setting by how long it takes and how often it succeeds, those in one place together",
    Effect.gen(function* () {
      const { complaints, page } = yield* opened({ before: spy })
      const marks = yield* Effect.promise(() => written(page))
      const recorded = marks.find(({ text }) => text === "1, 3")!
      const deadline = marks.find(({ text }) => text === "2")!

      assert.isBelow(deadline.x, recorded.x)
      assert.isAbove(deadline.y, recorded.y)
      assert.isUndefined(marks.find(({ text }) => text === "4"))
      assert.include(yield* Effect.promise(() => page.innerText("main")), "Not shown, as their time is unknown: 1.")
      assert.deepStrictEqual(complaints, [])
    })
  )

  Chromium.test(
    "has the figures as a table, with their bounds, and what was printed, with names as text whatever they are",
    Effect.gen(function* () {
      const { page } = yield* opened()
      const rows = yield* Effect.promise(() => page.locator("table").first().locator("tbody tr").allInnerTexts())
      yield* Effect.promise(() => page.locator("summary").first().click())

      assert.deepStrictEqual(rows[1]!.split("\t"), [
        "2",
        "deadline 500ms",
        "47.0 % (42.0 to 52.0)",
        "100.0 % (97.0 to 100.0)",
        "50 ms (40 ms to 60 ms)",
        "500 ms (480 ms to ?)",
        "1 s (900 ms to 1 s)"
      ])
      assert.include(rows[2], `optional ${hostile}`)
      assert.include(rows[3], "unknown")
      assert.strictEqual(
        yield* Effect.promise(() => page.locator("pre").first().innerText()),
        `what was printed\nof ${hostile}`
      )
      assert.strictEqual(yield* Effect.promise(() => page.locator("img").count()), 0)
    })
  )

  Chromium.test(
    "shows another percentile, and also partial answers as a success",
    Effect.gen(function* () {
      const { page } = yield* opened({ before: spy })
      yield* Effect.promise(async () => {
        await page.evaluate("void (window.written = [])")
        await page.selectOption("#latency", "p99")
        await page.selectOption("#success", "answered")
      })
      const marks = yield* Effect.promise(() => written(page))

      assert.isDefined(marks.find(({ text }) => text === "p99 of the time to the answer"))
      assert.isDefined(marks.find(({ text }) => text === "answers, complete or partial"))
      assert.isDefined(marks.find(({ text }) => text === "1, 2, 3, 4"))
    })
  )

  for (const { dark, height, width } of Chromium.screens) {
    Chromium.test(
      `has no serious fault that axe finds, ${dark ? "dark" : "light"}, ${width} px wide, and scrolls down only`,
      Effect.gen(function* () {
        const { complaints, page } = yield* opened({ dark, width, height })
        yield* Effect.promise(() => page.locator("summary").first().click())

        assert.deepStrictEqual(yield* Chromium.faults(page), [])
        assert.isTrue(yield* Effect.promise(() => page.evaluate(() => document.body.scrollWidth <= innerWidth)))
        assert.deepStrictEqual(complaints, [])
        yield* Chromium.picture(page, `explained-${dark}-${width}`)
      })
    )
  }
})
