/**
 * What an answer over HTTP costs: `GET /dashboard/42` over 2 and 8 upstream processes with a kilobyte of JSON each. Each
 * server is a process, measured from outside: its CPU time, with its collector's, for each request.
 */
import autocannon from "autocannon"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { atLeast, type Measured, median, type Part, ratio, shown, type Target } from "./Rounds.ts"

const here = fileURLToPath(new URL(".", import.meta.url))
const flags = ["--max-semi-space-size=64"]
const ticks = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }))

interface Running {
  readonly child: ChildProcess
  readonly port: number
}

/** Starts a program that says its port on a line. */
const start = async (file: string, args: ReadonlyArray<string>): Promise<Running> => {
  const child = spawn(process.execPath, [...flags, file, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  let text = ""
  return new Promise((resolve, reject) => {
    const read = (data: Buffer) => {
      const port = /"port":(\d+)|"url":"http:\/\/[^"]*?:(\d+)"/.exec((text += String(data)))
      if (port !== null) resolve({ child, port: Number(port[1] ?? port[2]) })
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
    child.once("exit", () => reject(new Error(`${file} ended: ${text}`)))
  })
}

const stop = async ({ child }: Running) => {
  child.removeAllListeners("exit")
  const ended = once(child, "exit")
  child.kill("SIGKILL")
  await ended
}

/** Microseconds of CPU that a process and its threads have used. */
const cpuOf = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  return ((Number(fields[11]) + Number(fields[12])) / ticks) * 1e6
}

const rssOf = (pid: number) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024

/** The file of `muster serve`. */
const config = (folder: string, origins: ReadonlyArray<string>) => {
  const services = Object.fromEntries(origins.map((origin, index) => [`u${index}`, { http: origin }]))
  const sources = Object.fromEntries(origins.map((_, index) => [`s${index}`, { ask: `u${index}`, get: "/{id}" }]))
  const dashboard = { path: "/dashboard/:id", input: { id: "string" }, deadline: "2s", sources }
  const file = join(folder, `muster-${origins.length}.json`)
  writeFileSync(file, JSON.stringify({ services, endpoints: { dashboard } }))
  return ["serve", "--config", file, "--port", "0"]
}

const muster = "muster serve"
const variants: Readonly<Record<string, (folder: string, origins: ReadonlyArray<string>) => Promise<Running>>> = {
  "raw node + undici": (_, origins) => start(join(here, "http/Raw.js"), origins),
  "fastify + undici": (_, origins) => start(join(here, "http/Fastify.js"), origins),
  "@effect/platform": (_, origins) => start(join(here, "http/Platform.js"), origins),
  [muster]: (folder, origins) => start(join(here, "../../../main.js"), config(folder, origins))
}

interface Row extends Measured {
  readonly perSecond: ReadonlyArray<number>
  readonly p50: ReadonlyArray<number>
  readonly p99: ReadonlyArray<number>
  readonly rss: ReadonlyArray<number>
  readonly other: number
}

const load = async ({ child, port }: Running, seconds: number) => {
  const before = cpuOf(child.pid!)
  const result = await autocannon({ url: `http://127.0.0.1:${port}/dashboard/42`, connections: 32, duration: seconds })
  const answered = result.requests.total
  return { cpu: (cpuOf(child.pid!) - before) / answered, rss: rssOf(child.pid!), result }
}

const measureOver = async (upstreams: number, failing: number, rounds: number): Promise<ReadonlyArray<Row>> => {
  const folder = mkdtempSync(join(tmpdir(), "muster-bench-"))
  const running: Array<Running> = []
  try {
    const services = await Promise.all(
      Array.from({ length: upstreams }, () => start(join(here, "http/Upstream.js"), [String(failing)]))
    )
    running.push(...services)
    const origins = services.map(({ port }) => `http://127.0.0.1:${port}`)
    const rows: Array<
      Row & {
        rounds: Array<number>
        perSecond: Array<number>
        p50: Array<number>
        p99: Array<number>
        rss: Array<number>
        other: number
      }
    > = []
    const servers: Array<Running> = []
    for (const [name, make] of Object.entries(variants)) {
      const server = await make(folder, origins)
      running.push(server)
      servers.push(server)
      rows.push({ name, rounds: [], perSecond: [], p50: [], p99: [], rss: [], other: 0 })
      await load(server, 2)
    }
    for (let round = 0; round < rounds; round++)
      for (let at = 0; at < rows.length; at++) {
        const index = (at + round) % rows.length
        const row = rows[index]!
        const { cpu, result, rss } = await load(servers[index]!, 2)
        row.rounds.push(cpu)
        row.perSecond.push(result.requests.average)
        row.p50.push(result.latency.p50)
        row.p99.push(result.latency.p99)
        row.rss.push(rss)
        row.other += result.non2xx
      }
    return rows
  } finally {
    await Promise.all(running.map(stop))
    rmSync(folder, { recursive: true })
  }
}

const scenes = [
  { upstreams: 2, failing: 0 },
  { upstreams: 8, failing: 0 },
  { upstreams: 2, failing: 0.01 },
  { upstreams: 2, failing: 0.1 }
]

export const measureAll = async (rounds: number): Promise<Part> => {
  const rows: Array<ReadonlyArray<string>> = []
  const targets: Array<Target> = []
  for (const { failing, upstreams } of scenes) {
    const measured = await measureOver(upstreams, failing, rounds)
    const label = `${upstreams} upstreams${failing === 0 ? "" : `, ${failing * 100} % fail`}`
    for (const { name, other, p50, p99, perSecond, rounds, rss } of measured) {
      const of = (figures: ReadonlyArray<number>) => median(figures).median.toFixed(0)
      rows.push([
        `${label}: ${name}`,
        shown(median(rounds)),
        of(perSecond),
        `${of(p50)} / ${of(p99)}`,
        of(rss),
        String(other)
      ])
    }
    if (upstreams > 2 || failing > 0) continue
    for (const [peer, goal] of [
      ["@effect/platform", 8],
      ["fastify + undici", 1.2],
      ["raw node + undici", 1.1]
    ] as const)
      targets.push(...atLeast(`HTTP, ${label}: ${peer} / ${muster}`, goal, ratio(measured, peer, muster)))
  }
  const head = ["one answer", "us of CPU (95 %)", "a second", "ms p50 / p99", "MB", "not 2xx"]
  return { title: "HTTP: 32 connections, 1 KB of JSON from each upstream", head, rows, targets }
}
