/**
 * Reads YAML or JSON as a plain value that remembers where each part of it stands.
 *
 * @since 0.1.0
 */
import * as Yaml from "yaml"
import * as Json from "../../Json.ts"
import { type Finding, type KeyPath, Problem, textOf } from "./Problem.ts"

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
 * Reads YAML, of which JSON is a part.
 *
 * @since 0.1.0
 * @category reading
 */
export const parse = (text: string): Document => {
  const places = new Places(text)
  if (isTooDeep(text)) return places.broken([places.at(0, [], tooDeep)])
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

/** An estimate, made before the parser digs until its stack or the memory is used up; brackets in texts count as well. */
const isTooDeep = (text: string): boolean => {
  let depth = 0
  for (const character of text) {
    if (character === "[" || character === "{") depth += 1
    else if (character === "]" || character === "}") depth -= 1
    if (depth > maxDepth) return true
  }
  return onOneLine.test(text)
}

/** Lists in lists, or names that are lists, each begun on the line of the one around it. */
const onOneLine = new RegExp(`^[ \\t]*(?:[-?:][ \\t]+){${maxDepth}}`, "m")

/** Once the parser is off the track, nothing is what it expected. */
const withoutEchoes = (mistakes: ReadonlyArray<Yaml.YAMLError>) =>
  mistakes.filter(({ code }, index) => index === 0 || (code !== "UNEXPECTED_TOKEN" && code !== "RESOURCE_EXHAUSTION"))

const inWords = (code: string, message: string): string => {
  if (code === "MULTIPLE_DOCS") return "a second document begins here; a file has one"
  if (code === "NON_STRING_KEY") return "a name must be text"
  if (code === "RESOURCE_EXHAUSTION") return tooDeep
  // What it quotes may be a secret.
  return `it is not YAML: ${message.slice(0, 1).toLowerCase()}${message.slice(1).replace(/: [^]*$/, "")}`
}

type Range = readonly [start: number, end: number, ...rest: ReadonlyArray<number>]

/** Where each value stands, and its name. */
class Places {
  readonly lines = new Yaml.LineCounter()
  private readonly values = new Map<string, Range>()
  private readonly keys = new Map<string, number>()

  constructor(private readonly text: string) {}

  value(path: KeyPath, range: Range): void {
    this.values.set(JSON.stringify(path), range)
  }

  key(path: KeyPath, offset: number): void {
    this.keys.set(JSON.stringify(path), offset)
  }

  at(offset: number, path: KeyPath, message: string): Problem {
    const { col, line } = this.lines.linePos(offset)
    return new Problem({ line: Math.max(1, line), column: Math.max(1, col), path: textOf(path), message })
  }

  /** What is missing stands nowhere: there it is the name of what should have it. */
  find({ key, message, path, unquoted }: Finding): Problem {
    const own = JSON.stringify(path)
    const range = this.values.get(own)
    const offset = (key === true ? this.keys.get(own) : range?.[0]) ?? this.keys.get(own)
    // As it is written there: what was read of 1.10 is 1.1.
    const quoted = unquoted === true && range ? `; write it in quotes: "${this.text.slice(range[0], range[1])}"` : ""
    if (offset !== undefined) return this.at(offset, path, message + quoted)
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

  /** By name, in the order of the file. An alias of the library would look through all of it for its own. */
  private readonly anchors = new Map<string, Array<Yaml.Node>>()

  constructor(
    private readonly document: Yaml.Document.Parsed,
    private readonly places: Places
  ) {}

  run(): Document {
    Yaml.visit(this.document, {
      Node: (_, node) => {
        if (Yaml.isAlias(node) || node.anchor === undefined) return
        const named = this.anchors.get(node.anchor) ?? []
        named.push(node)
        this.anchors.set(node.anchor, named)
      }
    })
    const value = this.value(this.document.contents, [])
    const tooMany = this.aliased > maxAliased
    const problems = tooMany ? [this.places.at(0, [], "its aliases add up to too much")] : this.problems
    return { value, problems, broken: tooMany, problem: (finding) => this.places.find(finding) }
  }

  private value(node: unknown, path: KeyPath): unknown {
    if (this.aliases > 0 && ++this.aliased > maxAliased) return undefined
    if (Yaml.isNode(node) && node.range) this.places.value(path, node.range)
    if (Yaml.isScalar(node)) return typeof node.value === "number" ? this.number(node, node.value, path) : node.value
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

  /** With all its digits, in the notations of YAML that JSON has not as well. */
  private number(node: Yaml.Scalar, nearest: number, path: KeyPath): unknown {
    const text = (node.source ?? "")
      .replace(/^\+/, "")
      .replace(/^(-?)\./, "$10.")
      .replace(/\.(?=[eE]|$)/, "")
    const number = /^0[xo]/.test(text) ? Json.toNumeric(String(BigInt(text))) : Json.toNumeric(text)
    if (number !== undefined || Number.isFinite(nearest)) return number ?? nearest
    this.problems.push(
      this.places.at(node.range?.[0] ?? 0, path, "expected a number that JSON has: it has no infinity and no NaN")
    )
    return nearest
  }

  /** What an anchor stands for, unless that is what the alias is a part of. */
  private alias<A>(node: Yaml.Alias, path: KeyPath, use: (target: Yaml.Node) => A): A | undefined {
    this.aliased += 1
    const before = node.range?.[0] ?? 0
    const target = this.anchors.get(node.source)?.findLast((one) => (one.range?.[0] ?? 0) < before)
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
