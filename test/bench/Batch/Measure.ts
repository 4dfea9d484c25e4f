/** Runs a batch to its end in a process of its own, and says what it took. */
import { spawn } from "node:child_process"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { Build } from "./Build.ts"

export interface Took {
  readonly items: number
  /** Of the whole process, with its start. */
  readonly seconds: number
  readonly cpuMillis: number
  /** At its peak. */
  readonly rssBytes: number
  /** What it leaves on the disk for these items. */
  readonly bytes: number
}

export interface Job {
  readonly items: number
  readonly concurrency: number
  /** Each item waits for 1 to 5 ms. */
  readonly waits: boolean
}

/** One that runs batches: the arguments of node, and the file that it leaves. */
export type Contender = (
  paths: { readonly input: string; readonly output: string; readonly build: Build },
  job: Job
) => ReadonlyArray<string>

/** `muster batch run` on SQLite. */
export const muster: Contender = ({ build, input, output }, { concurrency }) => [
  ...[build.main, "batch", "run", "--input", input, "--module", build.script("Work"), "--ledger", output],
  ...["--concurrency", String(concurrency)]
]

export const pMap =
  (checkpoints: number): Contender =>
  ({ build, input, output }, { concurrency }) => [
    build.script("PMap"),
    input,
    output,
    String(concurrency),
    String(checkpoints)
  ]

export const bullMq =
  (url: string): Contender =>
  ({ build, input }, { concurrency, items }) => [build.script("BullMq"), input, url, String(concurrency), String(items)]

export const measure = async (build: Build, contender: Contender, job: Job): Promise<Took> => {
  const folder = mkdtempSync(build.path("run-"))
  const [input, output, usage] = ["input.ndjson", "output", "usage.json"].map((name) => join(folder, name))
  writeItems(input!, job.items)
  try {
    const began = performance.now()
    const args = ["--import", build.script("Usage"), ...contender({ build, input: input!, output: output! }, job)]
    await ended(args, { USAGE: usage!, ...(job.waits ? { WAIT: "1" } : {}) })
    const seconds = (performance.now() - began) / 1_000
    // The cast: `Usage` has written it.
    const { cpu, rss } = JSON.parse(readFileSync(usage!, "utf8")) as { readonly cpu: number; readonly rss: number }
    const size = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0
    return { items: job.items, seconds, cpuMillis: cpu, rssBytes: rss, bytes: size(output!) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const ended = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  new Promise<void>((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe"]
    })
    let err = ""
    child.stderr.on("data", (data) => (err = `${err}${data}`.slice(-2_000)))
    child.once("error", reject)
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`it ended with ${code}: ${err}`))))
  })

/** Lines like `{"id":"doc-17","n":17,"text":"a kettle and 17 more"}`. */
const writeItems = (file: string, count: number) => {
  const handle = openSync(file, "w")
  for (let from = 0; from < count; from += 10_000) {
    const lines = Array.from({ length: Math.min(10_000, count - from) }, (_, n) => {
      const item = { id: `doc-${from + n}`, n: from + n, text: `a kettle and ${from + n} more` }
      return `${JSON.stringify(item)}\n`
    })
    writeSync(handle, lines.join(""))
  }
  closeSync(handle)
}
