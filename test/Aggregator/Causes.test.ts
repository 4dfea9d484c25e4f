import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Aggregator, SourceFailed } from "../../src/Aggregator.ts"
import * as Gather from "../../src/Gather.ts"
import { Effect } from "effect"
import { SourceDied } from "../../src/Outcome.ts"
import * as Testkit from "../../src/Testkit.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** What the program wrote on stderr, and on stdout, in sections by their headings. */
const run = (): Promise<ReadonlyMap<string, string>> =>
  new Promise((resolve) => {
    const args = ["--import", "tsx", "test/Aggregator/Failing.ts"]
    execFile(process.execPath, args, { cwd: root, env: { ...process.env, NO_COLOR: "1" } }, (_, stdout, stderr) => {
      const sections = `${stderr}`.split(/^--- /m).map((section) => {
        const end = section.indexOf("\n")
        return [section.slice(0, end), section.slice(end + 1)] as const
      })
      resolve(new Map([...sections, ["stdout", stdout]]))
    })
  })

describe("a process that prints an error", () => {
  it(
    "shows the stack of the error at fault, with the line of the program that made it",
    { timeout: 60_000 },
    async () => {
      const sections = await run()
      const at = (name: string, ...patterns: ReadonlyArray<RegExp>) =>
        patterns.forEach((pattern) => assert.match(sections.get(name) ?? "", pattern, name))
      const line = String.raw`[^\n]*Failing\.ts:\d+`

      at(
        "SourceFailed",
        /^SourceFailed: Source "orders" failed/,
        /\[cause\]: OrdersDown: shard 7 is down/,
        RegExp(line)
      )
      at(
        "SourceDied",
        /^SourceDied: Source "prices" died/,
        /\[cause\]: TypeError: prices is not a function/,
        RegExp(line)
      )
      at(
        "QuorumNotReached",
        /^QuorumNotReached: 2 of 3 sources had to succeed, but 2 failed: "orders" \(shard 7 is down\), "prices" \(/,
        /\[cause\]: \[?SourceErrors: 2 sources failed/,
        RegExp(`"orders": OrdersDown: shard 7 is down\n\\s+at ${line}`),
        RegExp(`"prices": SourceDied: [^\\n]*prices is not a function[^]*${line}`)
      )
      at("DeadlineExceeded", /^DeadlineExceeded: [^\n]*"hangs"/, /\[cause\]: OrdersDown: shard 7 is down/, RegExp(line))
      at("InputFailed", /^InputFailed: /, /\[cause\]: OrdersDown: shard 7 is down/, RegExp(line))
      const main = `${sections.get("runMain")}${sections.get("stdout")}`
      assert.match(main, /Source "orders" failed/)
      assert.match(main, RegExp(`\\[cause\\]: OrdersDown: shard 7 is down[^]*${line}`))

      for (const [name, text] of sections)
        if (name.endsWith("as JSON"))
          assert.notMatch(text, /"cause"|Failing\.ts/, `${name} has no cause and no stack in it`)
    }
  )
})

describe("the cause of an error", () => {
  it.effect("is the error of the source itself, and no field of the encoded error", () =>
    Effect.gen(function* () {
      const down = new Error("down")
      const failed = yield* Effect.flip(Aggregator.gather("page", { orders: Effect.fail(down) }))
      const died = new SourceDied({ source: "prices", defect: down })
      const encoded = yield* Schema.encode(SourceDied)(died)

      assert.instanceOf(failed, SourceFailed)
      assert.strictEqual(failed.cause, failed.error)
      assert.strictEqual(died.cause, down)
      assert.deepStrictEqual(Object.keys(encoded), ["source", "defect", "_tag"])
      assert.strictEqual((yield* Schema.decode(SourceDied)(encoded)).cause instanceof Error, true)
    }).pipe(Effect.provide(Aggregator.layer({ logger: Testkit.silent })))
  )

  it.effect("of a quorum that only one source has failed is that source's error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Gather.first({ only: Effect.fail("down") }))

      assert.strictEqual(error.cause, "down")
    })
  )
})

describe("the message of a quorum that was not reached", () => {
  const quorum = (sources: ReadonlyArray<Effect.Effect<number, string>>, k: number) =>
    Effect.map(Effect.flip(Gather.quorum(sources, k)), (error) => error.message)
  const [fine, down] = [Effect.succeed(1), Effect.fail("down")]

  for (const [sources, k, expected] of [
    [[], 1, "1 success was needed, but there are no sources"],
    [[fine], 2, "2 successes were needed, but there is only 1 source"],
    [[fine, down], 3, "3 successes were needed, but there are only 2 sources"],
    [[down], 1, 'The only source failed: "0" (down)'],
    [[down, down], 1, '1 of 2 sources had to succeed, but all failed: "0" (down), "1" (down)'],
    [[fine, down, down], 2, '2 of 3 sources had to succeed, but 2 failed: "1" (down), "2" (down)'],
    [
      Array.from({ length: 7 }, () => down),
      1,
      '1 of 7 sources had to succeed, but all failed: "0" (down), "1" (down), "2" (down), "3" (down), "4" (down) and 2 more'
    ]
  ] as const)
    it.effect(`with ${sources.length} sources, of which ${k} must succeed: ${expected}`, () =>
      Effect.map(quorum(sources, k), (message) => assert.strictEqual(message, expected))
    )

  it.effect("at the deadline is that of the deadline, with what had failed as its cause", () =>
    Effect.gen(function* () {
      const late = { slow: Testkit.hangs(), down: Effect.fail("down") }
      const [, exit] = yield* Testkit.timed(Effect.flip(Gather.first(late, { deadline: 20 })))
      const error = yield* exit

      assert.strictEqual(error.message, 'The deadline of 20ms passed while waiting for "slow"')
      assert.strictEqual(error.cause, "down")
    })
  )
})
