import { readdirSync, readFileSync } from "node:fs"
import { posix } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { assert, describe, it } from "vitest"

/** Each room imports only rooms of the lines above it; those on one line do not import each other. */
const house = [
  ["Options", "Json", "Content", "TraceContext"],
  ["Memory"],
  ["Outcome", "Cleanup"],
  ["Receipt"],
  ["Deadline", "Permits"],
  ["Gather", "Group"],
  ["Resilience"],
  ["Source"],
  ["Aggregator"],
  ["Aggregation"],
  ["Testkit", "Plain"],
  ["Batch"],
  ["Page"],
  ["Server"],
  ["Demo"],
  ["Cli"],
  ["index"],
  ["main"]
]

/** Only these import adapters: each other, in `src/Source`, and `main`, which picks them. */
const mayAdapt = ["Source", "main"]

/** The text of each file by its path below `src`. */
type Files = ReadonlyMap<string, string>

const roomOf = (path: string) => path.split("/")[0]!.replace(/\.ts$/, "")
const floorOf = (room: string) => house.findIndex((rooms) => rooms.includes(room))
const isAdapter = (path: string) => path.startsWith("Source/")

const importsOf = (path: string, text: string) =>
  ts
    .preProcessFile(text)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => name.startsWith("."))
    .map((name) => posix.join(posix.dirname(path), name))

const walls = (files: Files): Array<string> =>
  Array.from(files).flatMap(([path, text]) => {
    const room = roomOf(path)
    if (floorOf(room) < 0) return [`${path} is in no room`]
    const wrong = importsOf(path, text).filter((to) => roomOf(to) !== room && floorOf(roomOf(to)) >= floorOf(room))
    const adapters = importsOf(path, text).filter((to) => isAdapter(to) && !mayAdapt.includes(room))
    const inner = room === "Source" && !isAdapter(path) ? importsOf(path, text).filter(isAdapter) : []
    return [
      ...wrong.map((to) => `${path} imports ${to}, which is not left of it`),
      ...[...adapters, ...inner].map((to) => `${path} imports the adapter ${to}`)
    ]
  })

const parse = (path: string, text: string) => ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)

const visit = (node: ts.Node, see: (node: ts.Node) => void): void => {
  see(node)
  ts.forEachChild(node, (child) => visit(child, see))
}

const isUnknown = (node: ts.Node) =>
  ts.isAsExpression(node) && node.type.kind === ts.SyntaxKind.UnknownKeyword && ts.isAsExpression(node.parent)

/** Where the types are talked out of what they know, without a comment on that line or right above it. */
const unreasoned = (files: Files): Array<string> =>
  Array.from(files).flatMap(([path, text]) => {
    const source = parse(path, text)
    const lines = text.split("\n")
    const found: Array<string> = []
    visit(source, (node) => {
      if (node.kind !== ts.SyntaxKind.AnyKeyword && !isUnknown(node)) return
      const { line } = source.getLineAndCharacterOfPosition(node.getEnd())
      if (!/\/\/ \S|\*\//.test(lines[line]!) && !/^\s*(\/\/ \S|.*\*\/$)/.test(lines[line - 1] ?? "")) {
        found.push(`${path}:${line + 1} has "${node.kind === ts.SyntaxKind.AnyKeyword ? "any" : "as unknown as"}"`)
      }
    })
    lines.forEach((line, index) => {
      const silenced = /@ts-(?:ignore|expect-error|nocheck)(.*)/.exec(line)
      if (silenced !== null && !/\w/.test(silenced[1]!)) found.push(`${path}:${index + 1} has "${silenced[0]}"`)
    })
    return found
  })

const tooLong = (files: Files): Array<string> =>
  Array.from(files)
    .filter(([, text]) => text.trimEnd().split("\n").length > 400)
    .map(([path]) => `${path} has more than 400 lines`)

const exported = (statement: ts.Statement): ReadonlyArray<ts.Node> => {
  if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause
    // `export * as Room` is documented in the room.
    return clause !== undefined && ts.isNamedExports(clause) ? Array.from(clause.elements) : []
  }
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : []
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ? [statement] : []
}

const undocumented = (files: Files): Array<string> =>
  Array.from(files)
    .filter(([path]) => path !== "index.ts")
    .flatMap(([path, text]) => {
      const source = parse(path, text)
      return source.statements
        .flatMap(exported)
        .filter((node) => !/\/\*\*[^]*@since/.test(text.slice(node.getFullStart(), node.getStart())))
        .map((node) => {
          const { line } = source.getLineAndCharacterOfPosition(node.getStart())
          return `${path}:${line + 1} exports without a docstring: ${node.getText().split("\n")[0]}`
        })
    })

const src = fileURLToPath(new URL("../src/", import.meta.url))
const files: Files = new Map(
  readdirSync(src, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"))
    .map((path) => [path, readFileSync(src + path, "utf8")])
)

describe("the rooms of src", () => {
  it("import only what is left of them, and adapters only in main", () => {
    assert.deepStrictEqual(walls(files), [])
  })

  it("say why wherever they talk the types out of something", () => {
    assert.deepStrictEqual(unreasoned(files), [])
  })

  it("are made of files that can be read in one go", () => {
    assert.deepStrictEqual(tooLong(files), [])
  })

  it("document what they export", () => {
    assert.deepStrictEqual(undocumented(files), [])
  })
})

describe("the checks of the rooms", () => {
  const found = (check: (files: Files) => Array<string>, path: string, text: string) => check(new Map([[path, text]]))

  it("see an import of a later room, of a room on the same line, and a dynamic one", () => {
    assert.deepStrictEqual(found(walls, "Gather/Run.ts", `import * as A from "../Aggregator.ts"`), [
      "Gather/Run.ts imports Aggregator.ts, which is not left of it"
    ])
    assert.deepStrictEqual(found(walls, "Gather.ts", `import type { Group } from "./Group.ts"`), [
      "Gather.ts imports Group.ts, which is not left of it"
    ])
    assert.deepStrictEqual(found(walls, "Options.ts", `export const f = () => import("./Gather/Run.ts")`), [
      "Options.ts imports Gather/Run.ts, which is not left of it"
    ])
    assert.deepStrictEqual(found(walls, "Permits.ts", `export { x } from "./Gather.ts"`), [
      "Permits.ts imports Gather.ts, which is not left of it"
    ])
    assert.deepStrictEqual(found(walls, "Group.ts", `import { a } from "./Receipt/Asking.ts"; import "effect"`), [])
    assert.deepStrictEqual(found(walls, "Gather.ts", `import { a } from "./Gather/Run.ts"`), [])
  })

  it("see a file in no room", () => {
    assert.deepStrictEqual(found(walls, "utils/text.ts", ""), ["utils/text.ts is in no room"])
    assert.deepStrictEqual(walls(new Map([["Helpers.ts", ""]])), ["Helpers.ts is in no room"])
  })

  it("see an adapter imported by another than main", () => {
    const adapter = `import * as Http from "./Source/Http.ts"`
    for (const path of ["Aggregator.ts", "index.ts", "Demo.ts", "Cli.ts", "Source.ts"]) {
      assert.deepStrictEqual(found(walls, path, adapter), [`${path} imports the adapter Source/Http.ts`])
    }
    assert.deepStrictEqual(found(walls, "main.ts", adapter), [])
    assert.deepStrictEqual(found(walls, "Source/Http.ts", `import "../Source.ts"; import "./Mismatch.ts"`), [])
  })

  it("see any, a double cast and a silenced check, unless the reason is beside it", () => {
    assert.deepStrictEqual(found(unreasoned, "A.ts", "const a: any = 1"), ['A.ts:1 has "any"'])
    assert.deepStrictEqual(found(unreasoned, "A.ts", "\nconst a = 1 as unknown as string"), [
      'A.ts:2 has "as unknown as"'
    ])
    assert.deepStrictEqual(found(unreasoned, "A.ts", "// @ts-ignore\nlet a = b"), ['A.ts:1 has "@ts-ignore"'])
    assert.deepStrictEqual(found(unreasoned, "A.ts", "// It may be anything.\nconst a: any = 1"), [])
    assert.deepStrictEqual(found(unreasoned, "A.ts", "const a: any = 1 // It may be anything."), [])
    assert.deepStrictEqual(found(unreasoned, "A.ts", "// @ts-expect-error the types are wrong\nlet a = b"), [])
    assert.deepStrictEqual(found(unreasoned, "A.ts", `const any = "as unknown as"`), [])
  })

  it("see a file that is too long", () => {
    assert.deepStrictEqual(found(tooLong, "A.ts", "\n".repeat(400) + "x"), ["A.ts has more than 400 lines"])
    assert.deepStrictEqual(found(tooLong, "A.ts", "x\n".repeat(400)), [])
  })

  it("see an export without a docstring", () => {
    const bare = [
      "export const a = 1",
      "export interface A {}",
      "export class B {}",
      "export type C = 1",
      "export function d() {}",
      `export { e } from "./E.ts"`,
      "/** No version. */\nexport const f = 1",
      "/** The file. @since 0.1.0 */\nimport {} from 'x'\nexport const g = 1"
    ]
    for (const text of bare) assert.lengthOf(found(undocumented, "A.ts", text), 1, text)
    assert.deepStrictEqual(found(undocumented, "A.ts", "/**\n * A.\n * @since 0.1.0\n */\nexport const a = 1"), [])
    assert.deepStrictEqual(
      found(undocumented, "A.ts", "export {\n/** @since 0.1.0 */\ne } from './E.ts'\nconst x = 1"),
      []
    )
  })
})
