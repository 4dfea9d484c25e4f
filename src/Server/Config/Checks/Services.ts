/**
 * What is wrong with a service.
 *
 * @since 0.1.0
 */
import * as File from "../File.ts"
import type { Finding } from "../Problem.ts"

/**
 * The kind of a service; `undefined` for one that has none, or more than one.
 *
 * @since 0.1.0
 * @category getters
 */
export const kindOf = (service: File.Service): File.Kind | undefined => {
  const [kind, ...others] = kindsOf(service)
  return others.length === 0 ? kind : undefined
}

const kindsOf = (service: File.Service) => File.kinds.filter((kind) => service[kind] !== undefined)

/** What only some kinds of services have. */
const only = {
  headers: ["http"],
  connectTimeout: ["http", "postgres", "mysql", "redis", "mongo"],
  maxConnections: ["postgres", "mysql", "sqlite", "redis", "mongo"]
} as const satisfies Partial<Record<keyof File.Service, ReadonlyArray<File.Kind>>>

/**
 * Everything that is wrong with a service.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (name: string, service: File.Service): ReadonlyArray<Finding> => {
  const path = ["services", name]
  const [kind, ...others] = kindsOf(service)
  if (kind === undefined)
    return [{ path, key: true, message: `expected one of ${File.kinds.join(", ")}, with its URL` }]
  const wrong = others.map((other) => ({
    path: [...path, other],
    key: true,
    message: `a service is one thing, and ${JSON.stringify(name)} is ${kind} already`
  }))
  if (wrong.length > 0) return wrong
  const findings: Array<Finding> = []
  for (const [member, kinds] of Object.entries(only)) {
    const given = service[member as keyof typeof only] // Its keys are these.
    if (given !== undefined && !kinds.some((one) => one === kind))
      findings.push({ path: [...path, member], key: true, message: `${article(kind)} service has none` })
  }
  for (const header of Object.keys(service.headers ?? {})) findings.push(...headerName([...path, "headers", header]))
  return findings
}

/**
 * A kind with its article.
 *
 * @since 0.1.0
 * @category getters
 */
export const article = (kind: File.Kind): string => `${kind === "http" ? "an" : "a"} ${kind}`

/** Why a file cannot set some headers. */
const ours: ReadonlyArray<readonly [name: RegExp, reason: string]> = [
  [
    /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect)$/i,
    "belongs to the connection, which muster makes"
  ],
  [/^host$/i, "is the host of the URL"],
  [/^content-(length|encoding)$/i, "says how muster sends the body"],
  [/^(traceparent|tracestate|b3)$/i, "is set by muster, from the trace of the request"],
  [/^(grpc-timeout|x-envoy-expected-rq-timeout-ms)$/i, "is set by muster, from the deadline"]
]

/**
 * What is wrong with the name of a header, which is the last of the path.
 *
 * @since 0.1.0
 * @category checks
 */
export const headerName = (path: ReadonlyArray<string>): ReadonlyArray<Finding> => {
  const name = path.at(-1) ?? ""
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/i.test(name)) return [{ path, key: true, message: "expected the name of a header" }]
  const reason = whyNotSet(name)
  return reason === undefined ? [] : [{ path, key: true, message: `a file cannot set this header: it ${reason}` }]
}

/**
 * Why a header cannot be set for what muster sends, to be put behind "it"; `undefined` if it can.
 *
 * @since 0.1.0
 * @category checks
 */
export const whyNotSet = (name: string): string | undefined => ours.find(([pattern]) => pattern.test(name))?.[1]
