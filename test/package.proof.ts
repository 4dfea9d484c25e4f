import { execFile } from "node:child_process"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const tsc = join(root, "node_modules/typescript/bin/tsc")

/** Runs a command and gives what it wrote to stdout; fails with everything that it wrote. */
const run = async (cwd: string, command: string, ...args: ReadonlyArray<string>): Promise<string> => {
  try {
    return (await promisify(execFile)(command, args, { cwd })).stdout
  } catch (error) {
    const { stderr, stdout } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(" ")}\n${stdout}\n${stderr}`)
  }
}

// A program as somebody else would write it. A type that had become `any` would make an expected error go away.
const program = `
import { Effect } from "effect"
import { Aggregator, Gather, Plain, Source } from "effect-muster"
import { gather, optional, SourceFailed } from "effect-muster/Plain"
import * as Testkit from "effect-muster/Testkit"

const sources = { profile: Testkit.succeeds("Alice"), orders: Source.optional(Testkit.fails("down")) }
const both = Gather.collect(sources.profile === undefined ? {} : { profile: sources.profile }, { deadline: undefined })
const page = Aggregator.gather("page", sources).pipe(Effect.provide(Aggregator.layer({ deadline: "1 second" })))
const answer = await Effect.runPromise(page)
const name: string = answer.profile
// @ts-expect-error it is a string
const wrong: number = answer.profile

const plain = await gather({ profile: async () => name, orders: optional(() => Promise.reject(1)) }, { deadline: 1_000 })
const same: { profile: string; orders: undefined } = plain
// @ts-expect-error orders may be missing, and here always is
const count = () => plain.orders.length

const failure: unknown = await Plain.gather({ bad: () => Promise.reject("no") }).catch((error) => error)
console.log(JSON.stringify([name, answer.orders._tag, same, failure instanceof SourceFailed && failure.error]))
void [wrong, both, count]
`

const tsconfig = {
  compilerOptions: {
    target: "ES2022",
    module: "nodenext",
    moduleResolution: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: [],
    outDir: "out"
  },
  files: ["program.ts"]
}

interface Packed {
  readonly filename: string
  readonly version: string
  readonly files: ReadonlyArray<{ readonly path: string }>
}

describe("the package", () => {
  let folder: string
  let packed: Packed

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-package-"))
    const output = await run(root, "npm", "pack", "--silent", "--json", "--pack-destination", folder)
    packed = (JSON.parse(output.slice(output.indexOf("[\n"))) as [Packed])[0]
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: "reader", private: true, type: "module" }))
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig))
    await writeFile(join(folder, "program.ts"), program)
    await run(folder, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", `./${packed.filename}`)
  }, 120_000)

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("holds what each source file was built to, the sources that the maps name, and nothing else", async () => {
    const paths = packed.files.map(({ path }) => path)
    const files = await readdir(join(root, "src"), { recursive: true })
    const sources = files.filter((path) => path.endsWith(".ts"))
    const assets = files.filter((path) => /\.(?:js|css)$/.test(path))
    const built = sources.flatMap((path) => {
      const base = path.replace(/\.ts$/, "")
      return [".js", ".js.map", ".d.ts", ".d.ts.map"].map((ending) => `dist/${base}${ending}`)
    })
    const map = await readFile(join(folder, "node_modules/effect-muster/dist/Gather/Run.js.map"), "utf8")

    assert.sameMembers(paths, [
      "LICENSE",
      "README.md",
      "package.json",
      ...[...sources, ...assets].map((path) => `src/${path}`),
      ...built
    ])
    assert.deepStrictEqual((JSON.parse(map) as { sources: unknown }).sources, ["../../src/Gather/Run.ts"])
  })

  it("type-checks in another project under the strictest options, its own declarations too, and runs there", async () => {
    assert.strictEqual(await run(folder, process.execPath, tsc, "-p", "."), "")
    const lines = (await run(folder, process.execPath, "out/program.js")).trimEnd().split("\n")
    assert.strictEqual(lines.at(-1), `["Alice","None",{"profile":"Alice"},"no"]`)
  }, 60_000)

  it("brings the command muster, and the files of its page", async () => {
    const muster = (...args: ReadonlyArray<string>) => run(folder, join(folder, "node_modules/.bin/muster"), ...args)
    assert.strictEqual(await muster("--record", "receipts.ndjson"), "User: Alice | Orders: 5\n")
    assert.strictEqual((await muster("--version")).trim(), packed.version)
    assert.match(
      await muster("view", "receipts.ndjson"),
      /^<!doctype html>[^]*dashboard[^]*var uPlot=[^]*<\/html>\n\n$/
    )
  }, 60_000)

  it("asks SQLite in a process of its own", async () => {
    const program = `
      import { Effect } from "effect"
      import * as Sqlite from "effect-muster/Source/Sqlite"
      const one = Effect.flatMap(Sqlite.make({ filename: ":memory:" }), (sql) => sql\`SELECT \${"a\\0b"} AS one\`)
      console.log(JSON.stringify(await Effect.runPromise(Effect.scoped(one))))`
    await writeFile(join(folder, "sqlite.mjs"), program)
    assert.strictEqual(await run(folder, process.execPath, "sqlite.mjs"), '[{"one":"a\\u0000b"}]\n')
  }, 60_000)
})
