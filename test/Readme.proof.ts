import { Effect } from "effect"
import { execFile } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import ts from "typescript"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { typed } from "./Cli/Typed.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const readme = readFileSync(join(root, "README.md"), "utf8")

/** Each block of TypeScript, with the block of text right after it, which is what it prints. Its imports lead to `src`. */
const snippets = Array.from(readme.matchAll(/```ts\n([^]*?)```(?:\n\n```text\n([^]*?)```)?/g), (block, index) => {
  const isTest = block[1]!.includes("@effect/vitest")
  const code = block[1]!
    .replaceAll(`"effect-muster"`, JSON.stringify(join(root, "src/index.ts")))
    .replaceAll(/"effect-muster\/(\w+)"/g, (_, room: string) => JSON.stringify(join(root, `src/${room}.ts`)))
  return { code, isTest, name: `snippet-${index + 1}${isTest ? ".test" : ""}.ts`, prints: block[2] }
})

/** The commands that end by themselves, with their arguments. */
const commandLines = Array.from(
  readme.matchAll(/^npx tsx src\/main\.ts ((?:dashboard|explain|view|search|check|schema)\b[^#\n]*)/gm),
  ([, line]) => line!.trim()
)

const scripts = Object.keys(
  (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> }).scripts
)

describe("the README", () => {
  let folder: string
  const path = (name: string) => join(folder, name)
  const run = (...args: ReadonlyArray<string>) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST")))
    return promisify(execFile)(process.execPath, args, { cwd: folder, env: { ...env, NO_COLOR: "1" } })
  }

  /** What a command said and how it ended: in this process, since `main.proof.ts` runs the same in one of its own. */
  const said = new Map<string, Effect.Effect.Success<ReturnType<typeof typed>>>()
  const command = (line: string) =>
    typed(Array.from(line.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, word]) => quoted ?? word!))

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-readme-"))
    await symlink(join(root, "node_modules"), path("node_modules"), "dir")
    await symlink(join(root, "test"), path("test"), "dir")
    await writeFile(path("package.json"), `{ "type": "module" }`)
    await Promise.all(snippets.map(({ code, name }) => writeFile(path(name), code)))
    process.chdir(folder)
    // In the order of the page: one may need what another has written.
    for (const line of commandLines) said.set(line, await Effect.runPromise(command(line)))
    process.chdir(root)
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("has snippets that type-check as strictly as src", { timeout: 60_000 }, () => {
    const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile) as { config: unknown }
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
    const names = snippets.map(({ name }) => path(name))
    const typeRoots = [join(root, "node_modules/@types")]
    const program = ts.createProgram(names, { ...options, typeRoots, rewriteRelativeImportExtensions: false })
    const errors = names.flatMap((name) => {
      const source = program.getSourceFile(name)
      return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    })

    assert.strictEqual(ts.formatDiagnostics(errors, ts.createCompilerHost(options)), "")
    assert.isAtLeast(snippets.length, 3)
  })

  for (const { name, prints } of snippets.filter(({ isTest }) => !isTest)) {
    it(`has a program, ${name}, that prints what stands below it`, { timeout: 60_000 }, async () => {
      const { stdout } = await run("--import", "tsx/esm", path(name))

      assert.strictEqual(stdout, prints)
    })
  }

  it("has tests that pass", { timeout: 60_000 }, async () => {
    const tests = snippets.filter(({ isTest }) => isTest).map(({ name }) => name)
    const { stdout } = await run(
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--no-isolate",
      "--pool=threads",
      "--root",
      folder,
      ...tests
    )

    assert.match(stdout, new RegExp(`Test Files +${tests.length} passed \\(${tests.length}\\)`))
  })

  for (const line of commandLines) {
    it(`has a command, ${line}, that does what it says`, () => {
      const { err, exitCode, out } = said.get(line)!

      // One that has no answer says so with 1; 2 is a mistake in the command.
      assert.isBelow(exitCode, 2, err.join("\n"))
      assert.isTrue(exitCode === 1 || out.length > 0, err.join("\n"))
    })
  }

  it("names commands, files and rooms that there are", () => {
    const commands = Array.from(readme.matchAll(/npm (?:run )?([a-z:]+)/g), ([, command]) => command!)
    const files = Array.from(readme.matchAll(/\]\(([^):]+)\)|tsx (\S+\.ts)/g), (match) => (match[1] ?? match[2])!)
    const table = readme.slice(readme.indexOf("## The rooms"))
    const rooms = Array.from(table.matchAll(/^\| (`.*?`) *\|/gm), ([, names]) =>
      names!.replaceAll("`", "").split(", ")
    ).flat()

    assert.includeMembers([...scripts, "install"], commands)
    assert.deepStrictEqual(
      files.filter((file) => !existsSync(join(root, file))),
      []
    )
    assert.isAtLeast(files.length, 10)
    assert.sameMembers(
      rooms,
      readdirSync(join(root, "src"))
        .filter((name) => name.endsWith(".ts"))
        .map((name) => name.replace(".ts", ""))
    )
  })

  it("can be read in one go", () => {
    assert.isBelow(readme.trimEnd().split("\n").length, 220)
  })
})
