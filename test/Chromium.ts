/**
 * A real browser for the tests of pages: Debian's, which `npm run servers` installs.
 */
import { it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import axe from "axe-core"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { type Browser, chromium, type Page } from "playwright-core"
import { describe } from "vitest"

const find = (): string | undefined => {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim()
    } catch {
      // The next name.
    }
  }
  return undefined
}

/** A `describe` whose tests need the browser. Without it, it is skipped and says so; under `CI=true` it fails. */
export const suite = (title: string, body: () => void): void => {
  if (find() !== undefined) return void describe(title, body)
  const line = `${title}: Chromium is not installed, so these tests cannot run. Install it: npm run servers`
  if (process.env["CI"] === "true") throw new Error(line)
  console.warn(line)
  describe.skip(title, body)
}

/** A test of such a suite. */
export const test = (title: string, body: Effect.Effect<void, never, Scope.Scope>): void =>
  it.scopedLive(title, () => body, 60_000)

/** A small telephone, a laptop and a very large screen, each in light and dark. */
export const screens = [false, true].flatMap((dark) => [
  { dark, width: 360, height: 740 },
  { dark, width: 1280, height: 800 },
  { dark, width: 3840, height: 2160 }
])

const browser: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() =>
    // What it would ask the network for by itself, it may not; as root it has no sandbox of its own.
    chromium.launch({
      executablePath: find()!,
      args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    })
  ),
  (browser) => Effect.promise(() => browser.close())
)

/** How a page is opened. */
export interface Look {
  readonly dark?: boolean
  readonly width?: number
  readonly height?: number
  /** A script that runs before those of the page. */
  readonly before?: string
}

/** A page of its own, and what it complained of. */
export const open = (url: string, { before, dark = false, height = 800, width = 1280 }: Look = {}) =>
  Effect.gen(function* () {
    const chromium = yield* browser
    const complaints: Array<string> = []
    const page: Page = yield* Effect.promise(() =>
      chromium.newPage({
        colorScheme: dark ? "dark" : "light",
        viewport: { width, height },
        acceptDownloads: true
      })
    )
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
    })
    page.on("pageerror", (error) => void complaints.push(String(error)))
    page.on("dialog", (dialog) => {
      complaints.push(`a dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    if (before !== undefined) yield* Effect.promise(() => page.addInitScript({ content: before }))
    yield* Effect.promise(() => page.goto(url))
    return { page, complaints }
  })

/** A page that stands in a file, opened. */
export const opened = (html: string, look?: Look) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-page-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const file = join(folder, "report.html")
    writeFileSync(file, html)
    return yield* open(pathToFileURL(file).href, look)
  })

/** What axe finds that is serious or critical. Its script is given to the page past its policy, by the browser itself. */
export const faults = (page: Page) =>
  Effect.promise(async () => {
    const client = await page.context().newCDPSession(page)
    const { result } = await client.send("Runtime.evaluate", {
      expression: `${axe.source};axe.run().then(({ violations }) => JSON.stringify(violations))`,
      awaitPromise: true
    })
    const violations: ReadonlyArray<{ readonly id: string; readonly impact: string }> = JSON.parse(result.value)
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id }) => id)
  })

/** Takes a picture to be looked at, where `SCREENSHOTS` names a folder for them. */
export const picture = (page: Page, name: string): Effect.Effect<void> => {
  const folder = process.env["SCREENSHOTS"]
  return folder === undefined
    ? Effect.void
    : Effect.promise(() => page.screenshot({ path: join(folder, `${name}.png`) }))
}
