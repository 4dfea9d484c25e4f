/** The servers that are measured beside each other, each as a good engineer would write it. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Go from "./Go.ts"
import * as Nginx from "./Servers/Nginx.ts"
import { flags, type Running, type Serve, start, startAt } from "./Servers/Process.ts"

const program = (name: string) => fileURLToPath(new URL(`http/${name}.js`, import.meta.url))
const main = fileURLToPath(new URL("../../../main.js", import.meta.url))

const node = (name: string, ...args: ReadonlyArray<string>): Promise<Running> =>
  start(process.execPath, [...flags, program(name), ...args])

/** A service whose answers fail that often. */
export const upstream = (failing: number): Promise<Running> => node("Upstream", String(failing))

const inNode =
  (name: string, ...args: ReadonlyArray<string>): Serve =>
  (_, origins) =>
    node(name, ...args, ...origins)

/** On one core, as node and the worker of nginx are. */
const inGo =
  (file: string, how: "parsed" | "bytes"): Serve =>
  (_, origins) =>
    start(file, [how, ...origins], { GOMAXPROCS: "1" })

const muster =
  (endpoint: object, ...args: ReadonlyArray<string>): Serve =>
  (folder, origins) => {
    const services = Object.fromEntries(origins.map((origin, index) => [`u${index}`, { http: origin }]))
    const sources = Object.fromEntries(origins.map((_, index) => [`s${index}`, { ask: `u${index}`, get: "/{id}" }]))
    const dashboard = { path: "/dashboard/:id", input: { id: "string" }, deadline: "2s", sources, ...endpoint }
    const file = join(folder, `muster-${origins.length}-${Object.keys(endpoint).join()}.json`)
    writeFileSync(file, JSON.stringify({ services, endpoints: { dashboard } }))
    // It says where it serves in a log line, and one of them is told not to log.
    return startAt(process.execPath, (port) => [
      ...flags,
      main,
      "serve",
      "--config",
      file,
      "--port",
      `${port}`,
      ...args
    ])
  }

/** An answer made of what is in the bodies, which for that have to be parsed; it is the same answer. */
const parsing: Serve = (folder, origins) => {
  const members = ["id", "name", "items"]
  const answer = origins.map((_, index) => {
    const source = `s${index}`
    return [source, Object.fromEntries(members.map((member) => [member, `${source}.${member}`]))] as const
  })
  return muster({ answer: Object.fromEntries(answer) })(folder, origins)
}

export const names = {
  platform: "@effect/platform",
  fastify: "fastify + undici",
  fastifyBytes: "fastify + undici, bytes",
  raw: "raw node + undici",
  rawBytes: "raw node + undici, bytes",
  goBytes: "Go net/http, bytes",
  muster: "muster serve",
  silent: "muster serve, no log",
  parsing: "muster serve, parsing"
} as const

export const notes: ReadonlyArray<string> = [
  "CPU is that of the process that serves; who asks and who is asked are others, on the same machine",
  "bytes: passes on what the upstreams sent, seen to be JSON; the others parse it and make the answer of the values",
  "muster logs two lines for a request, the others none; its answer is made as it sees fit, or of parsed values (parsing)",
  Nginx.note,
  Go.note("GOMAXPROCS=1")
]

export const all = (): Readonly<Record<string, Serve>> => {
  const go = Go.build("http")
  return {
    [names.muster]: muster({}),
    [names.silent]: muster({}, "--log-level", "none"),
    [names.parsing]: parsing,
    [names.raw]: inNode("Raw", "parsed"),
    [names.rawBytes]: inNode("Raw", "bytes"),
    [names.fastify]: inNode("Fastify", "parsed"),
    [names.fastifyBytes]: inNode("Fastify", "bytes"),
    [names.platform]: inNode("Platform"),
    ...(go === undefined ? {} : { "Go net/http": inGo(go, "parsed"), [names.goBytes]: inGo(go, "bytes") }),
    ...Nginx.servers
  }
}
