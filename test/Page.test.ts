import { assert, describe, it } from "vitest"
import { createHash } from "node:crypto"
import { Script } from "node:vm"
import * as Page from "../src/Page.ts"
import { receipt, source } from "./Cli/Receipts.ts"

const policyOf = (text: string) =>
  Object.fromEntries(text.split("; ").map((rule) => rule.split(/ (.*)/) as [string, string]))

describe("the page", () => {
  it("may load what comes from its own origin, and nothing else; nobody may frame it", () => {
    for (const { headers } of Page.assets().values()) {
      const {
        "connect-src": connect,
        "default-src": rest,
        "frame-ancestors": frame,
        ...policy
      } = policyOf(headers["content-security-policy"]!)
      assert.deepStrictEqual(
        [rest, connect, policy["script-src"], policy["style-src"], frame],
        ["'none'", "'self'", "'self'", "'self'", "'none'"]
      )
      assert.strictEqual(headers["x-content-type-options"], "nosniff")
    }
  })

  it("has every file that it asks for, and none besides", () => {
    const assets = Page.assets()
    const asked = Array.from(assets.values(), ({ body }) =>
      Array.from(body.matchAll(/(?:src|href)="(\/[^"]*)"|from "\.(\/\w+\.js)"/g), ([, one, other]) => (one ?? other)!)
    ).flat()

    assert.sameMembers(
      Array.from(new Set(asked)),
      Array.from<string>(assets.keys()).filter((path) => path !== "/")
    )
    assert.include(asked, "/uPlot.js")
    for (const { body } of assets.values()) assert.notMatch(body, /^import .* from "[^.]/m)
  })
})

const bounds = { value: 1, low: 0, high: 1 }
const setting = {
  label: "</script><b>",
  isRecorded: true,
  shares: { complete: bounds, answered: bounds },
  times: { p50: bounds, p95: bounds, p99: bounds }
}
const reports = {
  "of receipts": Page.report([receipt([source("</script><b>", 1)])], `<i>"&`),
  "of settings": Page.explained([{ title: "</script><b>", settings: [setting], lines: ["</script><b>"] }], `<i>"&`)
}

describe.each(Object.entries(reports))("a report %s", (_, text) => {
  const parts = (tag: string) =>
    Array.from(text.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, "g")), ([, inner]) => inner!)

  it("runs its own script and style alone, and asks nobody", () => {
    const [, policy] = /http-equiv="content-security-policy" content="([^"]*)"/.exec(text)!
    const hash = (inner: string) => `'sha256-${createHash("sha256").update(inner).digest("base64")}'`
    const { "connect-src": connect, "script-src": script, "style-src": style } = policyOf(policy!)

    assert.deepStrictEqual([connect, script, style], ["'none'", hash(parts("script")[1]!), hash(parts("style")[0]!)])
    assert.notMatch(parts("script")[1]!, /^(?:import|export) /m)
    assert.doesNotThrow(() => new Script(parts("script")[1]!))
  })

  it("carries its data as data that ends no script, and its title as text", () => {
    assert.strictEqual(parts("script").length, 2)
    assert.strictEqual(JSON.stringify(JSON.parse(parts("script")[0]!)).split("</script><b>").length > 1, true)
    assert.strictEqual(parts("title")[0], "&lt;i&gt;&quot;&amp;")
  })
})
