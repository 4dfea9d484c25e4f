/** Workers of a batch, each a process, and what they wrote into their log, which is outside the ledger. */
import { assert } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"

const member = fileURLToPath(new URL("Member.ts", import.meta.url))

/** What one worker did to one item. */
export interface Line {
  readonly what: string
  readonly id: string
  readonly at: number
  readonly pid: number
}

/** One time that an item was run; one that was killed ended with its worker. */
export interface Run {
  readonly id: string
  readonly pid: number
  readonly began: number
  ended: number
}

export interface Worker {
  readonly child: ChildProcess
  readonly closed: Promise<void>
  readonly output: () => string
}

export class Crew {
  readonly folder = mkdtempSync(join(tmpdir(), "muster-crew-"))
  readonly log = join(this.folder, "log.txt")
  readonly workers = new Set<Worker>()
  /** When each of those that were killed was. */
  readonly killed = new Map<number, number>()

  constructor(private readonly url: string) {}

  /** Starts a worker whose items take about so many milliseconds. */
  start(millis: number, ...more: ReadonlyArray<string>): Worker {
    const args = ["--import", "tsx", member, "work", this.url, this.log, String(millis), ...more]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data))
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()))
    const worker = { child, closed, output: () => output }
    this.workers.add(worker)
    void closed.then(() => this.workers.delete(worker))
    return worker
  }

  async kill(worker: Worker): Promise<number> {
    worker.child.kill("SIGKILL")
    await worker.closed
    const at = Date.now()
    this.killed.set(worker.child.pid!, at)
    return at
  }

  get lines(): ReadonlyArray<Line> {
    return (existsSync(this.log) ? readFileSync(this.log, "utf8") : "")
      .split("\n")
      .slice(0, -1)
      .map((line) => line.split(" "))
      .map(([what, id, at, pid]) => ({ what: what!, id: id!, at: Number(at), pid: Number(pid) }))
  }

  async until(ready: () => boolean, what: string, seconds = 60): Promise<void> {
    for (const end = Date.now() + seconds * 1_000; !ready(); await pause(10)) {
      assert.isBelow(Date.now(), end, `${what}: not within ${seconds} s\n${this.output}`)
    }
  }

  /** All that they said. */
  get output(): string {
    return Array.from(this.workers, (worker) => worker.output()).join("\n")
  }

  /** Every run of every item since a line of the log. */
  runs(from: number): ReadonlyArray<Run> {
    const runs: Array<Run> = []
    const open = new Map<string, Run>()
    for (const { at, id, pid, what } of this.lines.slice(from)) {
      const key = `${id} ${pid}`
      if (what === "begin") {
        assert.isFalse(open.has(key), `${id} begins twice in ${pid}`)
        const run = { id, pid, began: at, ended: this.killed.get(pid) ?? Infinity }
        open.set(key, run)
        runs.push(run)
      } else {
        open.get(key)!.ended = at
        open.delete(key)
      }
    }
    return runs
  }

  async stop(): Promise<void> {
    const workers = Array.from(this.workers)
    for (const { child } of workers) child.kill("SIGKILL")
    await Promise.all(workers.map(({ closed }) => closed))
    rmSync(this.folder, { recursive: true })
  }
}

/** Items that ran twice at the same time. */
export const overlaps = (runs: ReadonlyArray<Run>): ReadonlyArray<readonly [Run, Run]> => {
  return Array.from(grouped(runs).values()).flatMap((all) =>
    all.flatMap((a, n) =>
      all
        .slice(n + 1)
        .filter((b) => a.began < b.ended && b.began < a.ended)
        .map((b) => [a, b] as const)
    )
  )
}

const grouped = (runs: ReadonlyArray<Run>) => {
  const byId = new Map<string, Array<Run>>()
  for (const run of runs) byId.set(run.id, [...(byId.get(run.id) ?? []), run])
  return byId
}
