import { assert, it } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import { readFileSync } from "node:fs"
import type { Page as Tab } from "playwright-core"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Recording from "../../src/Receipt/Recording.ts"
import * as Chromium from "../Chromium.ts"
import { ask, dashboard, down, named, serve } from "./Stage.ts"

const token = "a-token-of-more-than-sixteen-signs"
const fine = dashboard(named, Effect.succeed(5))
const failing = dashboard(() => Effect.never, Effect.delay(Effect.fail(down("orders")), "50 millis"))

const rows = (page: Tab) => page.locator("#list > li:visible")
const soon = { timeout: 1_000 }

const test = (title: string, body: Effect.Effect<void, never, Scope.Scope>) => it.scopedLive(title, () => body, 60_000)

Chromium.suite("the live page", () => {
  test(
    "says how to begin, and shows an aggregation that fails within a second, with the source that was the cause",
    Effect.gen(function* () {
      const { admin, url } = yield* serve([failing])
      const { complaints, page } = yield* Chromium.open(admin)
      yield* Effect.promise(() => page.getByText("live", { exact: true }).waitFor())
      assert.include(yield* Effect.promise(() => page.innerText("#none")), "Nothing has been asked yet")

      yield* ask(`${url}/dashboard?id=1`)
      yield* Effect.promise(() => page.getByText(/orders failed at \d+ ms/).waitFor(soon))
      yield* Effect.promise(() => rows(page).locator("a").first().click())
      const causes = yield* Effect.promise(() => page.locator("tr.first-cause").allInnerTexts())

      assert.strictEqual(causes.length, 1)
      assert.match(causes[0]!, /^orders\s*first cause/)
      assert.include(yield* Effect.promise(() => page.innerText(".waterfall")), "stopped by orders")
      assert.deepStrictEqual(complaints, [])
    })
  )

  test(
    "holds what comes while it is paused",
    Effect.gen(function* () {
      const { admin, url } = yield* serve([fine])
      const { page } = yield* Chromium.open(admin)
      yield* ask(`${url}/dashboard?id=1`)
      yield* Effect.promise(() => page.getByText("1 of 1 aggregations").waitFor(soon))
      yield* Effect.promise(() => page.getByRole("button", { name: "Pause" }).click())
      yield* ask(`${url}/dashboard?id=2`)
      yield* Effect.promise(() => page.getByText("1 of 1 aggregations, 1 more since the pause").waitFor(soon))
      yield* Effect.promise(() => page.getByRole("button", { name: "Pause" }).click())
      yield* Effect.promise(() => page.getByText("2 of 2 aggregations").waitFor(soon))
    })
  )

  test(
    "gives a receipt by its link, and as a file that the test kit plays again",
    Effect.gen(function* () {
      const { admin, url } = yield* serve([failing])
      const id = (yield* ask(`${url}/dashboard?id=1`)).headers.get("muster-receipt")
      const { page } = yield* Chromium.open(`${admin}/#${id}`)
      const text = yield* Effect.promise(async () => {
        const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download")])
        return readFileSync((await download.path())!, "utf8")
      })
      const receipt = yield* Effect.orDie(Recording.parse(text))
      const again = Testkit.replay(receipt, (sources) => Aggregator.gather("dashboard", sources))

      assert.strictEqual(receipt.id, id)
      assert.deepStrictEqual(again.receipts[0]?.firstCause?.source, "orders")
      assert.deepStrictEqual(
        again.receipts[0]?.sources.map(({ name, outcome }) => [name, outcome]),
        receipt.sources.map(({ name, outcome }) => [name, outcome])
      )
    })
  )

  test(
    "asks for the token where there is one, and shows nothing without",
    Effect.gen(function* () {
      const { admin, url } = yield* serve([fine], { admin: { port: 0, token: Redacted.make(token) } })
      yield* ask(`${url}/dashboard?id=1`)
      const { page } = yield* Chromium.open(admin)
      yield* Effect.promise(() => page.getByText("the server wants its admin token").waitFor(soon))
      assert.strictEqual(yield* Effect.promise(() => rows(page).count()), 0)

      yield* Effect.promise(() => page.fill("#token", "wrong"))
      yield* Effect.promise(() => page.click("text=Show"))
      yield* Effect.promise(() => page.getByText("the server wants its admin token").waitFor(soon))
      yield* Effect.promise(() => page.fill("#token", token))
      yield* Effect.promise(() => page.click("text=Show"))
      yield* Effect.promise(() => page.getByText("1 of 1 aggregations").waitFor(soon))
    })
  )
})
