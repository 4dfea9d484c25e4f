/**
 * What is written by hand in ten minutes: p-map, and the results in a file of JSON. `checkpoints` of so many results write
 * the file anew each time, so that no more than those are lost with the process; 0 writes it once, at the end.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs"
import pMap from "p-map"
import { type Item, work } from "./Work.ts"

const [input = "", output = "", concurrency = "", checkpoints = ""] = process.argv.slice(2)

// The cast: the bench has written it.
const items = readFileSync(input, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Item)
const results: Record<string, number> = {}
let ended = 0
const save = () => {
  writeFileSync(`${output}.part`, JSON.stringify(results))
  renameSync(`${output}.part`, output)
}
await pMap(
  items,
  async (item) => {
    results[item.id] = await work(item)
    ended += 1
    if (Number(checkpoints) > 0 && ended % Number(checkpoints) === 0) save()
  },
  { concurrency: Number(concurrency) }
)
save()
