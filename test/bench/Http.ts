/**
 * What an answer over HTTP costs: `GET /dashboard/42` over 2 and 8 upstream processes with a kilobyte of JSON each. Each
 * server is a process, measured from outside: its CPU time, with its collector's, for each request.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { check, connections, type Load, load, warm } from "./Load.ts"
import { median } from "./Median.ts"
import { atLeast, atMost, type Cell, type Part, type Target } from "./Part.ts"
import { inTurn, type Measured, ratio } from "./Rounds.ts"
import { all, names, notes, upstream } from "./Servers.ts"
import type { Running } from "./Servers/Process.ts"

interface Scene {
  readonly upstreams: number
  /** The share of the answers of an upstream that are errors. */
  readonly failing: number
}

const scenes: ReadonlyArray<Scene> = [
  { upstreams: 2, failing: 0 },
  { upstreams: 8, failing: 0 },
  { upstreams: 2, failing: 0.01 },
  { upstreams: 2, failing: 0.1 }
]

interface Row {
  readonly name: string
  readonly server: Running
  /** How many requests make a round of about a second. */
  readonly amount: number
  readonly loads: Array<Load>
}

const measure = async ({ failing, upstreams }: Scene, servers: ReturnType<typeof all>, rounds: number) => {
  const folder = mkdtempSync(join(tmpdir(), "muster-bench-"))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once("exit", remove)
  const running: Array<Running> = []
  const keep = (server: Running) => {
    running.push(server)
    return server
  }
  try {
    const asked: Array<Running> = []
    for (let n = 0; n < upstreams; n++) asked.push(keep(await upstream(failing)))
    const origins = asked.map(({ port }) => `http://127.0.0.1:${port}`)
    const rows: Array<Row> = []
    for (const [name, serve] of Object.entries(servers)) {
      const server = keep(await serve(folder, origins))
      if (failing === 0) await check(name, server, asked[0]!, upstreams)
      rows.push({ name, server, amount: await warm(server), loads: [] })
    }
    for (let round = 0; round < rounds; round++)
      for (const { amount, loads, server } of inTurn(rows, round)) loads.push(await load(server, amount))
    return rows
  } finally {
    await Promise.all(running.map(({ stop }) => stop()))
    remove()
    process.off("exit", remove)
  }
}

const cells = (label: string, { loads, name }: Row): ReadonlyArray<Cell> => {
  const of = (key: keyof Load) => median(loads.map((load) => load[key]))
  const rounded = (key: keyof Load) => Math.round(of(key).median)
  const failed = (100 * loads.reduce((sum, { failed }) => sum + failed, 0)) / loads.length
  return [
    `${label}: ${name}`,
    of("cpu"),
    rounded("perSecond"),
    rounded("p50"),
    rounded("p99"),
    rounded("rss"),
    Math.round(failed * 10) / 10
  ]
}

/** Like beside like: who parses beside muster parsing, who passes bytes beside muster as it is. */
const targetsOf = (label: string, rows: ReadonlyArray<Row>): ReadonlyArray<Target> => {
  const measured: ReadonlyArray<Measured> = rows.map(({ loads, name }) => ({
    name,
    rounds: loads.map(({ cpu }) => cpu)
  }))
  const versus = (peer: string, own: string, goal: number) =>
    atLeast(`HTTP, ${label}: ${peer} / ${own}`, goal, ratio(measured, peer, own))
  return [
    ...versus(names.platform, names.parsing, 8),
    ...versus(names.fastify, names.parsing, 1.2),
    ...versus(names.raw, names.parsing, 1.1),
    ...versus(names.fastifyBytes, names.muster, 1.4),
    ...versus(names.rawBytes, names.muster, 1.4),
    ...versus(names.goBytes, names.muster, 1),
    ...atMost(
      `HTTP, ${label}: ${names.muster} / ${names.silent}`,
      1.15,
      "x",
      ratio(measured, names.muster, names.silent)
    )
  ]
}

export const measureAll = async (rounds: number): Promise<Part> => {
  const servers = all()
  const rows: Array<ReadonlyArray<Cell>> = []
  const targets: Array<Target> = []
  for (const scene of scenes) {
    const { failing, upstreams } = scene
    const isFirst = scene === scenes[0]
    const measured = await measure(scene, servers, isFirst ? rounds : Math.min(rounds, 6))
    const label = `${upstreams} upstreams${failing === 0 ? "" : `, each fails ${failing * 100} %`}`
    rows.push(...measured.map((row) => cells(label, row)))
    if (isFirst) targets.push(...targetsOf(label, measured))
  }
  const head = ["one answer", "us of CPU, median (95 %)", "a second", "p50, ms", "p99, ms", "MiB", "% not 2xx"]
  return { title: `HTTP: ${connections} connections, 1 KB of JSON from each upstream`, head, rows, targets, notes }
}
