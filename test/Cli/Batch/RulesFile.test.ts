import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Console from "./Console.ts"

/** Every document fails with the status that is its number; each is tried at most twice. */
const failing = `export default async ({ n }) => { throw Object.assign(new Error("no"), { status: n }) }`

const prepared = (statuses: ReadonlyArray<number>) =>
  Effect.map(Console.make(), (console) => {
    const lines = statuses.map((n, index) => `{"id":"doc-${index + 1}","n":${n}}\n`)
    const input = console.write("docs.ndjson", lines.join(""))
    const module = console.write("fail.mjs", failing)
    return { ...console, run: `run --input ${input} --module ${module} --concurrency 1 --attempts 2` }
  })

describe("muster batch run --rules", () => {
  it.scopedLive(
    "goes by the rules of a file, by one that is given as a flag, and by the standard ones for the rest",
    () =>
      Effect.gen(function* () {
        const { batch, run, write } = yield* prepared([404, 401, 503, 418])
        const rules = write("rules.yaml", "404: record\n401: record\ndefault: stop\n")
        const stopped = yield* batch(`${run} --rules ${rules} --json`)

        assert.strictEqual(stopped.exitCode, 1)
        const { failures, pending, stop } = JSON.parse(stopped.out[0]!)
        assert.deepStrictEqual([stop.by, stop.id, pending], ["rule", "doc-3", ["doc-4"]])
        assert.deepStrictEqual(
          failures.map(({ attempts, id }: { id: string; attempts: number }) => [id, attempts]),
          [
            ["doc-1", 1],
            ["doc-2", 1],
            ["doc-3", 1]
          ]
        )

        // What was said before holds until it is said anew; the flag has the last word.
        write("rules.json", `{ "503": "record" }`)
        const again = yield* batch("redrive --json")
        assert.strictEqual(JSON.parse(again.out[0]!).stop.id, "doc-3")
        const retried = yield* batch(`redrive --json --rules ${rules} --rule 503=retry --rule default=record`)
        assert.deepStrictEqual(
          JSON.parse(retried.out[0]!).failures.map(({ attempts }: { attempts: number }) => attempts),
          [1, 1, 2, 1]
        )
      })
  )

  it.scopedLive("stops at the first item that fails with --fail-fast", () =>
    Effect.gen(function* () {
      const { batch, run } = yield* prepared([404, 404, 404])
      const stopped = yield* batch(`${run} --fail-fast`)

      assert.deepStrictEqual([stopped.exitCode, stopped.out[0]], [1, "docs: 0 of 3 done, 1 failed, 2 to do, in … s"])
      const both = yield* batch(`${run} --fail-fast --max-failed 3`)
      assert.deepStrictEqual(
        [both.exitCode, both.err],
        [2, ["muster: --fail-fast is --max-failed 0; give one of the two"]]
      )
    })
  )

  it.scopedLive("says all that is wrong with a file of rules, by the line, and runs nothing", () =>
    Effect.gen(function* () {
      const { batch, path, run, write } = yield* prepared([404])
      const rules = path("rules.yaml")
      const all = "expected stop, slow, retry or record"
      const table: ReadonlyArray<readonly [text: string, ...lines: ReadonlyArray<string>]> = [
        [
          `404: recrod\n"429": slow\n503: [retry]\n429: stop\n`,
          `rules.yaml:1:6: 404: ${all}, but it is "recrod"; did you mean "record"?`,
          `rules.yaml:3:6: 503: ${all}, but it is a list`,
          `rules.yaml:4:1: 429: is given twice, the first time in line 2`
        ],
        [
          "- stop\n",
          `rules.yaml:1:1: expected classes of errors, each with stop, slow, retry or record, but it is a list`
        ],
        [`{ "404": "stop"`, "rules.yaml:1:16: it is not YAML"]
      ]
      for (const [text, ...lines] of table) {
        write("rules.yaml", text)
        const { err, exitCode, out } = yield* batch(`${run} --rules ${rules}`)
        assert.deepStrictEqual([exitCode, out], [2, []])
        assert.lengthOf(err, lines.length + 1)
        lines.forEach((line, index) => assert.include(err[index]!, line))
        assert.match(err.at(-1)!, /^muster: rules.yaml has \d problems?$/)
      }
      const none = yield* batch(`${run} --rules ${path("none.yaml")}`)
      assert.deepStrictEqual(none.err, ["muster: --rules: none.yaml: no such file or directory"])
      const wrong = yield* batch(`${run} --rule 404=ignore`)
      assert.deepStrictEqual(wrong.err, [
        `muster: --rule must be a class of errors with stop, slow, retry or record, like "404=stop", but it is "404=ignore"`
      ])
      assert.strictEqual((yield* batch("status")).exitCode, 2)
    })
  )
})
