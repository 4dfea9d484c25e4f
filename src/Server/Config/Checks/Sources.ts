/**
 * What is wrong with a source of an endpoint, its questions and its references.
 *
 * @since 0.1.0
 */
import { isJsonNumber } from "../../../Json.ts"
import * as File from "../File.ts"
import * as Inputs from "../File/Inputs.ts"
import { type Finding, hint, type KeyPath } from "../Problem.ts"
import { type Reference, Template } from "../Template.ts"
import { article, headerName, kindOf } from "./Services.ts"

/**
 * What is known around a source.
 *
 * @since 0.1.0
 * @category models
 */
export interface Around {
  readonly services: Readonly<Record<string, File.Service>>
  /** Also those that are wrong in themselves. */
  readonly serviceNames: ReadonlyArray<string>
  readonly sourceNames: ReadonlyArray<string>
  readonly inputNames: ReadonlyArray<string>
  readonly inputs: Readonly<Record<string, Inputs.Input>>
}

/** What a question of each kind is asked with: one of these, and what may stand beside it. */
const forms: Record<
  File.Kind,
  { readonly one: ReadonlyArray<keyof File.Source>; readonly more: ReadonlyArray<string> }
> = {
  http: { one: File.methods, more: ["headers", "body", "forward"] },
  postgres: { one: ["sql"], more: ["one"] },
  mysql: { one: ["sql"], more: ["one"] },
  sqlite: { one: ["sql"], more: ["one"] },
  redis: { one: ["key", "command"], more: [] },
  mongo: { one: ["find", "pipeline"], more: ["collection", "sort", "project", "limit", "one"] }
}

const members = new Set(Object.values(forms).flatMap(({ more, one }) => [...one, ...more]))

/**
 * Everything that is wrong with a source.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (path: KeyPath, source: File.Source, around: Around): ReadonlyArray<Finding> => {
  if (!around.serviceNames.includes(source.ask))
    return [
      {
        path: [...path, "ask"],
        message: `there is no service "${source.ask}"${hint(source.ask, around.serviceNames)}`
      },
      ...references(path, source, around)
    ]
  const service = around.services[source.ask]
  const kind = service === undefined ? undefined : kindOf(service)
  return [...(kind === undefined ? [] : question(path, source, kind)), ...references(path, source, around)]
}

const question = (path: KeyPath, source: File.Source, kind: File.Kind): ReadonlyArray<Finding> => {
  const { more, one } = forms[kind]
  const whose = `"${source.ask}" is ${article(kind)} service`
  const given = one.filter((member) => source[member] !== undefined)
  const findings: Array<Finding> = []
  const wrong = (member: string, message: string) => void findings.push({ path: [...path, member], key: true, message })
  if (given.length === 0) findings.push({ path, key: true, message: `${whose}: expected ${one.join(" or ")}` })
  given.slice(1).forEach((member) => wrong(member, `a source asks one question, and has ${given[0]} already`))
  for (const member of Object.keys(source))
    if (members.has(member) && !one.some((name) => name === member) && !more.includes(member))
      wrong(member, `${whose}, which is asked with ${one.join(" or ")}`)
  if (source.body !== undefined && (source.get ?? source.delete) !== undefined)
    wrong("body", "a GET or DELETE has no body")
  if (kind === "mongo" && source.collection === undefined)
    findings.push({ path: [...path, "collection"], key: true, message: "is missing: the collection of a MongoDB" })
  if (source.pipeline !== undefined)
    for (const member of ["sort", "project", "limit"] as const)
      if (source[member] !== undefined) wrong(member, "is a stage of a pipeline")
  if (source.limit !== undefined && source.one === true) wrong("limit", "one is enough for one")
  for (const member of ["find", "sort", "project"] as const)
    if (source[member] !== undefined && !isMapping(source[member])) wrong(member, "expected names and values")
  if (source.pipeline !== undefined && !(Array.isArray(source.pipeline) && source.pipeline.every(isMapping)))
    wrong("pipeline", "expected a list of stages, each of names and values")
  if (source.command !== undefined && (source.command.length === 0 || isOpen(source.command[0])))
    wrong("command", "expected a list that begins with the name of a command")
  for (const header of Object.keys(source.headers ?? {}))
    findings.push(...headerName([...path.map(String), "headers", header]))
  return findings
}

const isMapping = (value: unknown) =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Template || isJsonNumber(value))

/** What is asked is for the file to say. */
const isOpen = (name: unknown) => !(name instanceof Template) || name.references.length > 0

/**
 * The references of a source and where they stand.
 *
 * @since 0.1.0
 * @category getters
 */
export const referencesIn = (source: File.Source): ReadonlyArray<readonly [at: KeyPath, reference: Reference]> => {
  const found: Array<readonly [KeyPath, Reference]> = []
  const look = (value: unknown, at: KeyPath): void => {
    if (value instanceof Template) value.references.forEach((reference) => found.push([at, reference]))
    else if (Array.isArray(value)) value.forEach((item, index) => look(item, [...at, index]))
    else if (typeof value === "object" && value !== null)
      Object.entries(value).forEach(([name, member]) => look(member, [...at, name]))
  }
  for (const member of members) look(source[member as keyof File.Source], [member]) // They are the members of a source.
  return found
}

/**
 * The sources that one comes after: those it names, and those whose answers it refers to.
 *
 * @since 0.1.0
 * @category getters
 */
export const after = (source: File.Source, sourceNames: ReadonlyArray<string>): ReadonlyArray<string> => {
  const named = typeof source.after === "string" ? [source.after] : (source.after ?? [])
  const meant = referencesIn(source).map(([, { root }]) => root)
  return Array.from(new Set([...named, ...meant.filter((root) => sourceNames.includes(root))]))
}

const references = (path: KeyPath, source: File.Source, around: Around): ReadonlyArray<Finding> => {
  const { inputNames, inputs, sourceNames } = around
  const named =
    typeof source.after === "string"
      ? [[["after"], source.after] as const]
      : (source.after ?? []).map((name, index) => [["after", index], name] as const)
  const unknown = named.flatMap(([at, name]): ReadonlyArray<Finding> =>
    sourceNames.includes(name)
      ? []
      : [{ path: [...path, ...at], message: `there is no source "${name}" beside it${hint(name, sourceNames)}` }]
  )
  const wrong = referencesIn(source).flatMap(([at, reference]): ReadonlyArray<Finding> => {
    const finding = (message: string): ReadonlyArray<Finding> => [{ path: [...path, ...at], message }]
    const { optional, root, slashes, text } = reference
    const inPath = isInPath(source, reference)
    if (inPath && optional) return finding(`${text} stands in a path, where something must be`)
    if (!inPath && slashes)
      return finding(`${text}: |segment is for a value in the path of a URL, which may then hold slashes`)
    if (sourceNames.includes(root)) return []
    if (!inputNames.includes(root)) {
      const all = [...inputNames, ...sourceNames]
      return finding(`${text} begins with no input and no source${hint(root, all)}`)
    }
    if (reference.path.length > 1) return finding(`${text}: the input "${root}" has no members`)
    const input = inputs[root]
    return input === undefined || optional || Inputs.isThere(input)
      ? []
      : finding(`the input "${root}" may be left out: write {${root}?} if that is meant, or give it a default`)
  })
  return [...unknown, ...wrong]
}

/**
 * True for a reference that stands in the path of a URL, before its question mark.
 *
 * @since 0.1.0
 * @category getters
 */
export const isInPath = (source: File.Source, reference: Reference): boolean =>
  File.methods.some((method) => source[method]?.segments.has(reference))
