import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { ask, until } from "./Stage.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const blocks = Array.from(
  readFileSync(`${root}README.md`, "utf8").matchAll(/^```(\w+)\n([^]*?)^```$/gm),
  ([, language, text]) => ({ language, lines: text!.trimEnd().split("\n"), text: text! })
)
const lines = blocks.flatMap(({ lines }) => lines)

/** The blocks that have a `curl`, each with the block that follows. */
const examples = blocks.flatMap(({ lines }, at) => {
  const commands = lines.filter((line) => line.startsWith("curl "))
  return commands.length === 0 ? [] : [{ commands, printed: blocks[at + 1]?.lines ?? [] }]
})

/** The server, started as the README says, but on a port that is free. */
const served = Effect.gen(function* () {
  const [, given = ""] = /^npx tsx (src\/main\.ts serve [^#]*--port 8080.*?) *(?:#.*)?$/.exec(start ?? "") ?? []
  const args = given.replace("--port 8080", "--port 0").split(" ")
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, ["--import", "tsx", ...args], { cwd: root, stdio: ["ignore", "ignore", "pipe"] })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  let text = ""
  child.stderr.on("data", (chunk) => (text += String(chunk)))
  const url = () => /"url":"http:\/\/([^"]+)"/.exec(text)?.[1]
  yield* until(`it serves: ${start}`, () => url() !== undefined, 20_000)
  return url()!
})
const start = lines.find((line) => line.startsWith("npx tsx src/main.ts serve --port "))

/** What it prints; where that is no terminal, curl tells on stderr how fast it is. */
const run = (command: string) =>
  Effect.async<string>((resume) => {
    const child = execFile("sh", ["-c", command], { timeout: 10_000 }, (_, out) => resume(Effect.succeed(out)))
    return Effect.sync(() => child.kill())
  })

/** An answer in JSON has no line break at its end; and times vary. */
const normal = (text: string) => text.trimEnd().replace(/"at":[\d.]+/g, `"at":0`)

describe("the README on the server", () => {
  it.scopedLive(
    "prints with curl what it says that it does",
    () =>
      Effect.gen(function* () {
        assert.isAbove(examples.length, 0)
        const host = yield* served
        for (const { commands, printed } of examples) {
          const out: Array<string> = []
          for (const command of commands) {
            assert.include(command, "localhost:8080")
            out.push(normal(yield* run(command.replace("localhost:8080", host))))
          }
          assert.strictEqual(out.join("\n"), normal(printed.join("\n")))
        }
        assert.strictEqual((yield* ask(`http://${host}/docs`)).status, 200)
      }),
    40_000
  )
})
