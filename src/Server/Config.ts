/**
 * The file way in: `muster.yaml` as endpoints.
 *
 * @since 0.1.0
 */
import { Effect, type Scope } from "effect"
import { dirname } from "node:path"
import { isJsonNumber } from "../Json.ts"
import type { Drivers } from "../Source.ts"
import * as Checks from "./Config/Checks.ts"
import * as Document from "./Config/Document.ts"
import * as Endpoints from "./Config/Endpoints.ts"
import * as Environment from "./Config/Environment.ts"
import * as File from "./Config/File.ts"
import * as Mismatches from "./Config/Mismatches.ts"
import { ConfigRejected, type Finding, Problem, sorted } from "./Config/Problem.ts"
import * as Reading from "./Config/Reading.ts"
import * as Services from "./Config/Services.ts"
import type { Endpoint } from "./Endpoint.ts"

export {
  /** @since 0.1.0 */
  ConfigRejected,
  /** @since 0.1.0 */
  Problem
} from "./Config/Problem.ts"

/**
 * What a file that is right comes to.
 *
 * @since 0.1.0
 * @category models
 */
export interface Summary {
  readonly services: number
  readonly endpoints: ReadonlyArray<{
    readonly name: string
    readonly method: "GET" | "POST"
    readonly path: string
    readonly sources: ReadonlyArray<string>
  }>
}

/**
 * Reads a file of YAML or JSON (`-` is stdin) and makes its endpoints. Their connections end with the scope; none is made
 * before the first request. `${NAME}` is what the `ConfigProvider` has for `NAME`.
 *
 * Fails with everything that is wrong with the file, in its order; then nothing was made.
 *
 * @since 0.1.0
 * @category constructors
 */
export const load = (file: string): Effect.Effect<ReadonlyArray<Endpoint>, ConfigRejected, Drivers | Scope.Scope> =>
  Effect.gen(function* () {
    const { content, document } = yield* read(file)
    const services = yield* Services.open(content, dirname(file))
    if (services.findings.length > 0) return yield* rejected(file, services.findings.map(document.problem))
    return Endpoints.make(content, services.opened).endpoints
  })

/**
 * Checks a file without asking anybody: no driver is needed, and no connection is made. Fails as {@link load} does.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (file: string): Effect.Effect<Summary, ConfigRejected> =>
  Effect.map(read(file), ({ content, endpoints }) => ({
    services: Object.keys(content.services).length,
    endpoints: endpoints.map(({ method, name, path }) => {
      return { name, method, path, sources: Object.keys(content.endpoints[name]!.sources) }
    })
  }))

/**
 * The JSON Schema of the file, for editors: `# yaml-language-server: $schema=muster.schema.json`.
 *
 * @since 0.1.0
 * @category getters
 */
export const schema: Effect.Effect<object> = Effect.sync(File.jsonSchema)

/**
 * What a file is called in messages.
 *
 * @since 0.1.0
 * @category getters
 */
export const nameOf = (file: string): string => (file === "-" ? "stdin" : file)

const rejected = (file: string, problems: ReadonlyArray<Problem>) =>
  new ConfigRejected({ file: nameOf(file), problems: sorted(problems) })

/** A file that is right, and its endpoints, which cannot be asked yet. */
const read = (file: string) =>
  Effect.gen(function* () {
    const whole = (message: string) => rejected(file, [new Problem({ line: 0, column: 0, path: "", message })])
    const text = yield* Effect.mapError(Reading.text(file), whole)
    const document = Document.parse(text)
    if (document.broken) return yield* rejected(file, document.problems)
    const value = withoutExtensions(document.value)
    const { content, findings } = fit(File.make(yield* Environment.of(text)), value)
    const wrong = [...findings, ...Checks.of(content, namesIn(value))]
    const services = Services.unopened(content)
    const made = Endpoints.make(withoutWrong(content, wrong), services.opened)
    const known = new Set(document.problems.map(({ path }) => path))
    const found = [...wrong, ...services.findings, ...made.findings].map(document.problem)
    const problems = [...document.problems, ...found.filter(({ path }) => !known.has(path))]
    return problems.length > 0 ? yield* rejected(file, problems) : { content, document, endpoints: made.endpoints }
  })

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isJsonNumber(value)

const withoutExtensions = (value: unknown) =>
  isMapping(value) ? Object.fromEntries(Object.entries(value).filter(([name]) => !File.isExtension(name))) : value

const namesIn =
  (value: unknown): Checks.Names =>
  (...path) => {
    const at = path.reduce<unknown>((at, step) => (isMapping(at) ? at[step] : undefined), value)
    return isMapping(at) ? Object.keys(at) : []
  }

/** What fits of a file, and what does not: that is taken out until the rest does, so that the rest can be checked too. */
const fit = (schemas: File.Schemas, value: unknown) => {
  const findings = Mismatches.of(schemas.file, value)
  let left = isMapping(value) ? value : {}
  for (let wrong = Mismatches.of(schemas.file, left); wrong.length > 0; wrong = Mismatches.of(schemas.file, left))
    left = wrong.reduce((left, { path }) => ({ ...required, ...without(left, toCut(path)) }), left)
  return { content: Mismatches.fitting(schemas.file, left)!, findings }
}

const required = { services: {}, endpoints: {} }

/** Without this, the rest still means what it did. */
const toCut = (path: Finding["path"]): Finding["path"] => {
  const [first, , third] = path
  if (first !== "endpoints") return path.slice(0, 2)
  if (third === "sources") return path.slice(0, path.length > 3 ? 4 : 2)
  return path.slice(0, third === "input" ? 4 : 3)
}

const without = (value: Readonly<Record<string, unknown>>, [name = "", ...rest]: Finding["path"]): typeof value => {
  const { [name]: member, ...others } = value
  if (rest.length > 0 && isMapping(member)) return { ...value, [name]: without(member, rest) }
  return others
}

const withoutWrong = (content: File.File, wrong: ReadonlyArray<Finding>): File.File => {
  const names = new Set(wrong.flatMap(({ path }) => (path[0] === "endpoints" ? [path[1]] : [])))
  return {
    ...content,
    endpoints: Object.fromEntries(Object.entries(content.endpoints).filter(([name]) => !names.has(name)))
  }
}
