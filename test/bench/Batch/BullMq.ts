/**
 * BullMQ on Redis: jobs with the ids of the items, whose results are kept, added 1,000 at a time beside a worker. The input
 * is read as a stream, and as many wait as in a ledger.
 */
import { Queue, Worker } from "bullmq"
import { createReadStream } from "node:fs"
import { createInterface } from "node:readline"
import { type Item, work } from "./Work.ts"

const [input = "", url = "", concurrency = "", count = ""] = process.argv.slice(2)
const { hostname, password, port } = new URL(url)
const connection = { host: hostname, port: Number(port), password: decodeURIComponent(password) }

const queue = new Queue<Item, number>("bench", { connection })
let ended = 0
let wake = () => {}
const worker = new Worker<Item, number>("bench", ({ data }) => work(data), {
  connection,
  concurrency: Number(concurrency)
})
worker.on("completed", () => {
  ended += 1
  wake()
})
const until = async (ready: () => boolean) => {
  while (!ready()) await new Promise<void>((resolve) => (wake = resolve))
}

let added = 0
let next: Array<{ name: string; data: Item; opts: { jobId: string } }> = []
const add = async () => {
  const adding = next
  next = []
  await until(() => added - ended <= 10_000)
  added += adding.length
  await queue.addBulk(adding)
}
for await (const line of createInterface({ input: createReadStream(input) })) {
  // The cast: the bench has written it.
  const data = JSON.parse(line) as Item
  next.push({ name: "item", data, opts: { jobId: data.id } })
  if (next.length === 1_000) await add()
}
await add()
await until(() => ended === Number(count))
await worker.close()
await queue.close()
