/**
 * What a batch of many items costs: `muster batch run` on SQLite for 10,000 and 100,000 items that do nothing (and 1,000,000
 * with `--million`), then beside p-map with a file of JSON and BullMQ on Redis, with items that do nothing and that wait.
 *
 * `npm run bench:batch` prints tables, with `--json` one object; `--rounds 5` measures each contender so often (default 3,
 * interleaved; medians are shown). Each run is a process of its own, and its whole life is measured, from start to exit. All
 * read the same file. The ledger is on the disk after each write (fsync); Redis appends to its file once a second.
 */
import { Redis } from "ioredis"
import { parseArgs } from "node:util"
import { start } from "../Servers/Instance.ts"
import { find } from "../Servers/Recipes.ts"
import { build } from "./Batch/Build.ts"
import * as Measure from "./Batch/Measure.ts"

interface Row extends Measure.Took {
  readonly work: string
  readonly runs: string
}

const options = { json: { type: "boolean" }, million: { type: "boolean" }, rounds: { type: "string" } } as const
const { values } = parseArgs({ options })
const rounds = Math.max(1, Number(values.rounds ?? 3))
const concurrency = 50

const say = (text: string) => process.stderr.write(`${text}\n`)

const median = (numbers: ReadonlyArray<number>) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!

const built = build()

const sizes = async () => {
  const rows: Array<Row> = []
  for (const items of [10_000, 100_000, ...(values.million ? [1_000_000] : [])]) {
    say(`muster, ${items} items`)
    const took = await Measure.measure(built, Measure.muster, { items, concurrency: 10, waits: false })
    rows.push({ work: "nothing", runs: "muster", ...took })
  }
  return rows
}

/** Redis as a queue is run: its log on the disk every second. Each job finds it empty, and its processor time counts. */
const withRedis = async <A>(use: (contender: Contender | undefined) => Promise<A>): Promise<A> => {
  if (find("redis") === undefined) {
    say("Redis is not installed: npm run servers")
    return use(undefined)
  }
  const server = await start("redis")
  const admin = new Redis(server.adminUrl)
  const cpu = async () => {
    const seconds = (await admin.info("cpu")).matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)
    return Array.from(seconds, ([, number]) => Number(number) * 1_000).reduce((a, b) => a + b)
  }
  const size = async () => Number(/^used_memory:(\d+)/m.exec(await admin.info("memory"))?.[1])
  try {
    await admin.config("SET", "appendonly", "yes")
    return await use({
      name: "BullMQ on Redis",
      measure: async (job) => {
        await admin.flushall()
        const before = { cpu: await cpu(), size: await size() }
        const took = await Measure.measure(built, Measure.bullMq(server.url), job)
        const cpuMillis = took.cpuMillis + (await cpu()) - before.cpu
        return { ...took, cpuMillis, bytes: (await size()) - before.size }
      }
    })
  } finally {
    admin.disconnect()
    await server.stop()
  }
}

interface Contender {
  readonly name: string
  readonly measure: (job: Measure.Job) => Promise<Measure.Took>
}

const contenders: ReadonlyArray<Contender> = [
  { name: "muster", measure: (job) => Measure.measure(built, Measure.muster, job) },
  { name: "p-map, a file at the end", measure: (job) => Measure.measure(built, Measure.pMap(0), job) },
  { name: "p-map, a file every 1,000", measure: (job) => Measure.measure(built, Measure.pMap(1_000), job) }
]

const compared = (redis: Contender | undefined) =>
  [false, true].reduce<Promise<Array<Row>>>(async (before, waits) => {
    const rows = await before
    const work = waits ? "1 to 5 ms" : "nothing"
    const all = [...contenders, ...(redis === undefined ? [] : [redis])]
    const taken = new Map(all.map(({ name }) => [name, [] as Array<Measure.Took>]))
    for (let round = 1; round <= rounds; round++)
      for (const { measure, name } of all) {
        say(`${name}, ${work}, round ${round} of ${rounds}`)
        taken.get(name)!.push(await measure({ items: 50_000, concurrency, waits }))
      }
    for (const [runs, took] of taken) {
      const of = (key: keyof Measure.Took) => median(took.map((one) => one[key]))
      const row = { items: 50_000, seconds: of("seconds"), cpuMillis: of("cpuMillis"), rssBytes: of("rssBytes") }
      rows.push({ work, runs, ...row, bytes: of("bytes") })
    }
    return rows
  }, Promise.resolve([]))

const columns = [
  "work",
  "run by",
  "items",
  "seconds",
  "items/s",
  "CPU ms/item",
  "peak MB",
  "bytes/item",
  "beside muster"
]

const table = (rows: ReadonlyArray<Row>) => {
  const cells = rows.map(({ bytes, cpuMillis, items, rssBytes, runs, seconds, work }) => {
    const ours = rows.find((row) => row.work === work && row.items === items)!
    return [
      ...[work, runs, items.toLocaleString("en"), seconds.toFixed(2), Math.round(items / seconds).toLocaleString("en")],
      ...[(cpuMillis / items).toFixed(3), (rssBytes / 1e6).toFixed(0), (bytes / items).toFixed(0)],
      `${(seconds / ours.seconds).toFixed(2)}x time, ${(cpuMillis / ours.cpuMillis).toFixed(2)}x CPU`
    ]
  })
  const widths = columns.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) =>
    row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join("  ")
  return [columns, ...cells].map(line).join("\n")
}

try {
  const bySize = await sizes()
  const beside = await withRedis(compared)
  const text = values.json
    ? JSON.stringify({ sizes: bySize, beside }, undefined, 2)
    : `${table(bySize)}\n\n${table(beside)}`
  process.stdout.write(`${text}\n`)
} finally {
  built.remove()
}
