/**
 * What is wrong with an endpoint.
 *
 * @since 0.1.0
 */
import * as Graph from "../../../Aggregation/Graph.ts"
import type { Names } from "../Checks.ts"
import type * as File from "../File.ts"
import * as Answering from "../File/Answering.ts"
import * as Keys from "../../Keys.ts"
import { type Finding, hint, type KeyPath, orFinding } from "../Problem.ts"
import * as Uses from "../Uses.ts"
import * as Inputs from "./Inputs.ts"
import * as Sources from "./Sources.ts"

/**
 * More sources than these are no aggregation.
 *
 * @since 0.1.0
 * @category models
 */
export const maxSources = 1_000

/**
 * Endpoints that are served at one place. Which parameter a path has there makes no difference.
 *
 * @since 0.1.0
 * @category checks
 */
export const samePlaces = (endpoints: Readonly<Record<string, File.Endpoint>>): ReadonlyArray<Finding> => {
  const places = new Map<string, string>()
  return Object.entries(endpoints).flatMap(([name, { method = "GET", path = `/${name}` }]): ReadonlyArray<Finding> => {
    const place = `${method} ${path.replaceAll(/:\w+/g, ":")}`
    const other = places.get(place)
    places.set(place, other ?? name)
    return other === undefined
      ? []
      : [{ path: ["endpoints", name, "path"], message: `endpoints.${other} is served there already, with ${method}` }]
  })
}

/**
 * Everything that is wrong with an endpoint.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (
  name: string,
  endpoint: File.Endpoint,
  services: Readonly<Record<string, File.Service>>,
  names: Names
): ReadonlyArray<Finding> => {
  const path = ["endpoints", name]
  const sourceNames = names(...path, "sources")
  const inputNames = names(...path, "input")
  const around = { services, serviceNames: names("services"), sourceNames, inputNames, inputs: endpoint.input ?? {} }
  return [
    ...number(path, sourceNames),
    ...sourceNames.flatMap((source) => named([...path, "sources", source], inputNames)),
    ...inputNames.flatMap((input) => identifier([...path, "input", input])),
    ...Object.entries(endpoint.input ?? {}).flatMap(([input, one]) =>
      Inputs.check([...path, "input", input], one, Uses.of(endpoint.sources, input))
    ),
    ...served(path, endpoint, inputNames),
    ...keys(path, endpoint),
    ...Object.entries(endpoint.sources).flatMap(([source, one]) =>
      Sources.check([...path, "sources", source], one, around)
    ),
    ...cycle(path, endpoint, sourceNames),
    ...policy(path, endpoint, sourceNames),
    ...answer(path, endpoint, sourceNames)
  ]
}

const number = (path: KeyPath, { length }: ReadonlyArray<string>): ReadonlyArray<Finding> => {
  if (length === 0) return [{ path: [...path, "sources"], message: "expected at least one source" }]
  return length <= maxSources ? [] : [{ path: [...path, "sources"], message: `has more than ${maxSources} sources` }]
}

const named = (path: ReadonlyArray<string>, inputNames: ReadonlyArray<string>): ReadonlyArray<Finding> => {
  const name = path.at(-1)!
  if (!/^[A-Za-z_][\w-]{0,99}$/.test(name))
    return [{ path, key: true, message: "a name is made of letters, digits, _ and -, and begins with a letter" }]
  return inputNames.includes(name)
    ? [{ path, key: true, message: `an input has this name too: nobody could say which one {${name}} is` }]
    : []
}

const identifier = (path: ReadonlyArray<string>): ReadonlyArray<Finding> =>
  /^[A-Za-z_]\w{0,99}$/.test(path.at(-1)!)
    ? []
    : [{ path, key: true, message: "a name is made of letters, digits and _, and begins with a letter" }]

const keys = (path: KeyPath, { keys }: File.Endpoint): ReadonlyArray<Finding> => {
  if (keys?.length === 0)
    return [{ path: [...path, "keys"], message: "expected at least one key; without keys everybody may ask" }]
  return (keys ?? []).flatMap((key, index) => {
    const made = orFinding([...path, "keys", index], undefined, () => Keys.make([key]))
    return "message" in made ? [made] : []
  })
}

const served = (path: KeyPath, endpoint: File.Endpoint, inputNames: ReadonlyArray<string>): ReadonlyArray<Finding> => {
  const params = Array.from((endpoint.path ?? "").matchAll(/:(\w+)/g), ([, name]) => name!)
  const findings = params.flatMap((name): ReadonlyArray<Finding> => {
    const at = [...path, "path"]
    if (params.indexOf(name) !== params.lastIndexOf(name)) return [{ path: at, message: `:${name} stands in it twice` }]
    if (!inputNames.includes(name))
      return [{ path: at, message: `there is no input "${name}"${hint(name, inputNames)}` }]
    const input = endpoint.input?.[name]
    return input === undefined || input.optional !== true
      ? []
      : [{ path: [...path, "input", name], message: "stands in the path, and so cannot be left out" }]
  })
  return findings
}

const cycle = (
  path: KeyPath,
  { sources }: File.Endpoint,
  sourceNames: ReadonlyArray<string>
): ReadonlyArray<Finding> => {
  const nodes = Object.entries(sources).map(([name, source]) => ({ name, after: Sources.after(source, sourceNames) }))
  const found = Graph.cycleIn(nodes)
  if (found === undefined) return []
  const at = [...path, "sources", found[0]!]
  return [{ path: at, key: true, message: `waits for itself: ${found.join(" -> ")}` }]
}

const policy = (path: KeyPath, endpoint: File.Endpoint, sourceNames: ReadonlyArray<string>): ReadonlyArray<Finding> => {
  const { handling, policy = "failFast", sources } = endpoint
  const findings: Array<Finding> = []
  if (policy !== "failFast" && handling !== undefined)
    findings.push({ path: [...path, "handling"], key: true, message: "is for the policy failFast" })
  if (policy === "failFast" || policy === "collect") return findings
  if (typeof policy === "object" && policy.quorum > sourceNames.length)
    findings.push({ path: [...path, "policy", "quorum"], message: `there are only ${sourceNames.length} sources` })
  for (const [name, source] of Object.entries(sources)) {
    const at = [...path, "sources", name]
    const which = typeof policy === "object" ? "quorum" : policy
    if (source.policy !== undefined)
      findings.push({ path: [...at, "policy"], key: true, message: `makes no difference under the policy ${which}` })
    if (Sources.after(source, sourceNames).length > 0)
      findings.push({
        path: at,
        key: true,
        message: `comes after another source, whose place it takes under the policy ${which}`
      })
  }
  return findings
}

const answer = (path: KeyPath, endpoint: File.Endpoint, sourceNames: ReadonlyArray<string>): ReadonlyArray<Finding> => {
  if (endpoint.answer === undefined) return []
  if (endpoint.policy === "first")
    return [{ path: [...path, "answer"], key: true, message: "under the policy first, it is what the first one gave" }]
  return Answering.roots(endpoint.answer).flatMap(([at, [root]]) =>
    sourceNames.includes(root)
      ? []
      : [{ path: [...path, "answer", ...at], message: `there is no source "${root}"${hint(root, sourceNames)}` }]
  )
}
