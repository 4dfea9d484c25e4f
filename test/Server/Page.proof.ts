import { assert } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { readFileSync } from "node:fs"
import type { Page as Tab } from "playwright-core"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Breaker from "../../src/Resilience/Breaker.ts"
import * as Bulkhead from "../../src/Resilience/Bulkhead.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Recording from "../../src/Receipt/Recording.ts"
import * as Chromium from "../Chromium.ts"
import { ask, dashboard, down, named, serve } from "./Stage.ts"

const token = "a-token-of-more-than-sixteen-signs"
const fine = dashboard(named, Effect.succeed(5))
const failing = dashboard(() => Effect.never, Effect.delay(Effect.fail(down("orders")), "50 millis"))

const rows = (page: Tab) => page.locator("#list > li:visible")
const soon = { timeout: 1_000 }

Chromium.suite("the live page", () => {
  Chromium.test(
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

  Chromium.test(
    "shows what is in flight, also what has never answered, and plots what has as it comes",
    Effect.gen(function* () {
      const profile = (id: string) => (id === "slow" ? Effect.delay(named(id), "3 seconds") : named(id))
      const { admin, url } = yield* serve([dashboard(profile, Effect.succeed(5))])
      const { complaints, page } = yield* Chromium.open(admin)
      const slow = yield* Effect.fork(ask(`${url}/dashboard?id=slow`))
      const flying = page.getByText("in flight: 1 request, 1 aggregation, 1 source")
      yield* Effect.promise(() => flying.waitFor({ timeout: 2_000 }))
      assert.isFalse(yield* Effect.promise(() => page.isVisible("#none")))
      yield* ask(`${url}/dashboard?id=1`)
      yield* Effect.promise(() => page.getByText("1 of 1 aggregations").waitFor(soon))
      const cells = page.locator(".stats tr", { hasText: "profile" }).locator("td")
      yield* Effect.promise(() => cells.last().filter({ hasText: /^1$/ }).waitFor({ timeout: 3_000 }))
      const figure = page.locator("figure").first()
      yield* Effect.promise(() => figure.getByText(/^1 ✓ succeeded$/).waitFor({ timeout: 3_000 }))
      yield* slow
      yield* Effect.promise(() => figure.getByText(/^2 ✓ succeeded$/).waitFor({ timeout: 3_000 }))
      yield* Effect.promise(() =>
        page.getByText("in flight: 0 requests, 0 aggregations, 0 sources").waitFor({ timeout: 3_000 })
      )

      assert.strictEqual(yield* Effect.promise(() => page.locator("canvas").count()), 6)
      assert.deepStrictEqual(complaints, [])
    })
  )

  Chromium.test(
    "shows how the guards stand: an open breaker, and a bulkhead with somebody waiting; their names as text",
    Effect.gen(function* () {
      const name = `<img src="x" onerror="alert(1)">`
      const breaker = Breaker.make({ name, trip: Breaker.consecutive(1) })
      const bulkhead = Bulkhead.make({ name: "page-bulkhead", limit: 1, queue: 5 })
      const profile = () => Bulkhead.with(bulkhead)(Effect.delay(named("1"), "4 seconds"))
      const guarded = dashboard(profile, Breaker.with(breaker)(Effect.fail(down("orders"))))
      const { admin, url } = yield* serve([guarded])
      const { complaints, page } = yield* Chromium.open(admin, { dark: true })
      const lenient = { headers: { prefer: "handling=lenient" } }
      const asking = (id: number) => ask(`${url}/dashboard?id=${id}`, lenient)
      yield* Effect.forkScoped(Effect.forEach([1, 2, 3], asking, { concurrency: 3 }))
      const lineOf = (text: string) => page.locator("#guards tr", { hasText: text })
      yield* Effect.promise(async () => {
        await lineOf(name).getByText("✗ open").waitFor({ timeout: 3_000 })
        await lineOf("page-bulkhead").getByText("1 in use, 2 waiting").waitFor({ timeout: 3_000 })
      })

      assert.strictEqual(yield* Effect.promise(() => page.locator("img").count()), 0)
      assert.deepStrictEqual(yield* Chromium.faults(page), [])
      assert.deepStrictEqual(complaints, [])
      yield* Chromium.picture(page, "guards")
    })
  )

  Chromium.test(
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

  Chromium.test(
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
      const again = yield* Testkit.replay(receipt, (sources) => Aggregator.gather("dashboard", sources))

      assert.strictEqual(receipt.id, id)
      assert.deepStrictEqual(again.receipts[0]?.firstCause?.source, "orders")
      assert.deepStrictEqual(
        again.receipts[0]?.sources.map(({ name, outcome }) => [name, outcome]),
        receipt.sources.map(({ name, outcome }) => [name, outcome])
      )
    })
  )

  Chromium.test(
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
