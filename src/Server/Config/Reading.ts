/**
 * Reads a file of YAML or JSON as a plain value that remembers where each part of it stands.
 *
 * @since 0.1.0
 */
import { createReadStream } from "node:fs"
import { getSystemErrorMap } from "node:util"
import { Effect } from "effect"
import * as Yaml from "yaml"
import { type Finding, type KeyPath, Problem, textOf } from "./Problem.ts"

/**
 * The longest file that is read, in bytes.
 *
 * @since 0.1.0
 * @category models
 */
export const maxBytes = 1_000_000

/** How many values may be put in for aliases. */
const maxAliased = 10_000

const maxDepth = 100

/**
 * What stands in a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface Document {
  /** Objects, arrays and scalars. */
  readonly value: unknown
  /** Whatever could be found out while it was read; with `broken` there is no use in looking at the value. */
  readonly problems: ReadonlyArray<Problem>
  readonly broken: boolean
  /** Says where it stands. */
  readonly problem: (finding: Finding) => Problem
}

/**
 * The text of a file; `-` is stdin. Fails with what is wrong.
 *
 * @since 0.1.0
 * @category reading
 */
export const text = (file: string): Effect.Effect<string, string> =>
  Effect.tryPromise({
    try: (signal) => bytesOf(file, signal),
    catch: (error) => why(error)
  }).pipe(
    Effect.flatMap((bytes) =>
      bytes.byteLength > maxBytes ? Effect.fail(`it has more than ${maxBytes} bytes`) : decoded(bytes)
    )
  )

/** As far as it may go, and one more byte: a device has no end. */
const bytesOf = async (file: string, signal: AbortSignal): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of file === "-" ? process.stdin : createReadStream(file, { signal })) {
    const bytes = Buffer.from(chunk as Buffer)
    chunks.push(bytes)
    size += bytes.byteLength
    if (size > maxBytes) break
  }
  return Buffer.concat(chunks)
}

const why = (error: unknown): string => {
  const number = error instanceof Error && "errno" in error ? error.errno : undefined
  const known = typeof number === "number" ? getSystemErrorMap().get(number)?.[1] : undefined
  return `it cannot be read: ${known ?? (error instanceof Error ? error.message : String(error))}`
}

const decoded = (bytes: Buffer) =>
  Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => {
      const good = Buffer.from(bytes.toString("utf8").split("\uFFFD")[0]!).byteLength
      return `it is not UTF-8: see byte ${good + 1}`
    }
  })

/**
 * Reads YAML, of which JSON is a part.
 *
 * @since 0.1.0
 * @category reading
 */
export const parse = (text: string): Document => {
  const places = new Places()
  if (depthOf(text) > maxDepth) return places.broken([places.at(0, [], tooDeep)])
  const document = Yaml.parseDocument(text, {
    lineCounter: places.lines,
    prettyErrors: false,
    stringKeys: true,
    // They are found below, where their path is known.
    uniqueKeys: false,
    resolveKnownTags: false
  })
  const mistakes = withoutEchoes([...document.errors, ...document.warnings])
  return mistakes.length > 0
    ? places.broken(mistakes.map(({ code, message, pos }) => places.at(pos[0], [], inWords(code, message))))
    : new Walk(document, places).run()
}

const tooDeep = `it is nested more than ${maxDepth} levels deep`

/** An estimate, which saves the parser from digging: brackets in texts count as well. */
const depthOf = (text: string): number => {
  let depth = 0
  let deepest = 0
  for (const character of text) {
    if (character === "[" || character === "{") deepest = Math.max(deepest, ++depth)
    else if (character === "]" || character === "}") depth--
  }
  return deepest
}

/** Once the parser is off the track, nothing is what it expected. */
const withoutEchoes = (mistakes: ReadonlyArray<Yaml.YAMLError>) =>
  mistakes.filter(({ code }, index) => index === 0 || (code !== "UNEXPECTED_TOKEN" && code !== "RESOURCE_EXHAUSTION"))

const inWords = (code: string, message: string): string => {
  if (code === "MULTIPLE_DOCS") return "a second document begins here; a file has one"
  if (code === "NON_STRING_KEY") return "a name must be text"
  if (code === "RESOURCE_EXHAUSTION") return tooDeep
  // What it quotes may be a secret.
  return `it is not YAML: ${message.slice(0, 1).toLowerCase()}${message.slice(1).replace(/: "[^]*$/, "")}`
}

/** Where each value stands, and its name. */
class Places {
  readonly lines = new Yaml.LineCounter()
  private readonly values = new Map<string, number>()
  private readonly keys = new Map<string, number>()

  value(path: KeyPath, offset: number): void {
    this.values.set(JSON.stringify(path), offset)
  }

  key(path: KeyPath, offset: number): void {
    this.keys.set(JSON.stringify(path), offset)
  }

  at(offset: number, path: KeyPath, message: string): Problem {
    const { col, line } = this.lines.linePos(offset)
    return new Problem({ line: Math.max(1, line), column: Math.max(1, col), path: textOf(path), message })
  }

  /** What is missing stands nowhere: there it is the name of what should have it. */
  find({ key, message, path }: Finding): Problem {
    const own = JSON.stringify(path)
    const offset = (key === true ? this.keys.get(own) : this.values.get(own)) ?? this.keys.get(own)
    if (offset !== undefined) return this.at(offset, path, message)
    for (let length = path.length - 1; length > 0; length--) {
      const above = this.keys.get(JSON.stringify(path.slice(0, length)))
      if (above !== undefined) return this.at(above, path, message)
    }
    return this.at(0, path, message)
  }

  broken(problems: ReadonlyArray<Problem>): Document {
    return { value: undefined, problems, broken: true, problem: (finding) => this.find(finding) }
  }
}

/** Turns the nodes of a document into a value. */
class Walk {
  private readonly problems: Array<Problem> = []
  /** Those that are being walked, to tell what is a part of itself. */
  private readonly open = new Set<unknown>()
  private aliases = 0
  private aliased = 0

  constructor(
    private readonly document: Yaml.Document.Parsed,
    private readonly places: Places
  ) {}

  run(): Document {
    const value = this.value(this.document.contents, [])
    const tooMany = this.aliased > maxAliased
    const problems = tooMany ? [this.places.at(0, [], "its aliases add up to too much")] : this.problems
    return { value, problems, broken: tooMany, problem: (finding) => this.places.find(finding) }
  }

  private value(node: unknown, path: KeyPath): unknown {
    if (this.aliases > 0 && ++this.aliased > maxAliased) return undefined
    if (Yaml.isNode(node) && node.range) this.places.value(path, node.range[0])
    if (Yaml.isScalar(node)) return node.value
    if (Yaml.isAlias(node)) return this.alias(node, path, (target) => this.value(target, path))
    this.open.add(node)
    const value = Yaml.isSeq(node)
      ? node.items.map((item, index) => this.value(item, [...path, index]))
      : Yaml.isMap(node)
        ? Object.fromEntries(this.members(node, path))
        : null
    this.open.delete(node)
    return value
  }

  /** What an anchor stands for, unless that is what the alias is a part of. */
  private alias<A>(node: Yaml.Alias, path: KeyPath, use: (target: Yaml.Node) => A): A | undefined {
    const target = node.resolve(this.document)
    const wrong = (message: string): undefined => {
      this.problems.push(this.places.at(node.range?.[0] ?? 0, path, message))
    }
    if (target === undefined) return wrong(`there is no anchor &${node.source} before it`)
    if (this.open.has(target)) return wrong(`&${node.source} is a part of itself`)
    this.aliases += 1
    const used = use(target)
    this.aliases -= 1
    return used
  }

  private members(map: Yaml.YAMLMap, path: KeyPath): Map<string, unknown> {
    const members = new Map<string, unknown>()
    const own = new Map<string, number>()
    // What is merged in comes first: what stands beside it has the last word.
    for (const { key, value } of map.items) if (nameOf(key) === "<<") this.merge(value, path, members)
    for (const { key, value } of map.items) {
      const name = nameOf(key)
      if (name === "<<") continue
      const offset = Yaml.isNode(key) ? (key.range?.[0] ?? 0) : 0
      const inner = [...path, name]
      const first = own.get(name)
      if (first !== undefined) {
        const { line } = this.places.lines.linePos(first)
        this.problems.push(this.places.at(offset, inner, `is given twice, the first time in line ${line}`))
        continue
      }
      own.set(name, offset)
      this.places.key(inner, offset)
      if (name === "__proto__") this.problems.push(this.places.at(offset, inner, "nothing can have this name"))
      else members.set(name, this.value(value, inner))
    }
    return members
  }

  private merge(value: unknown, path: KeyPath, into: Map<string, unknown>): void {
    if (Yaml.isSeq(value)) return value.items.toReversed().forEach((item) => this.merge(item, path, into))
    if (Yaml.isAlias(value)) return this.alias(value, path, (target) => this.merge(target, path, into))
    if (Yaml.isMap(value)) return this.members(value, path).forEach((member, name) => into.set(name, member))
    const offset = Yaml.isNode(value) ? (value.range?.[0] ?? 0) : 0
    this.problems.push(this.places.at(offset, [...path, "<<"], "expected names and values, such as *an-alias of them"))
  }
}

const nameOf = (key: unknown): string => (Yaml.isScalar(key) ? String(key.value) : String(key))
