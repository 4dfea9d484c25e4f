/**
 * What muster costs beside what else there is: `npm run bench`, or one part of it with `npm run bench -- inproc`.
 *
 * Prints tables, with `--json` `{ machine, rows, targets }`. `--rounds 20` is how often each variant is measured. A target is
 * reached when its whole confidence interval is on the right side; it says so or says that it fell short, and both are news.
 */
import { parseArgs } from "node:util"
import * as FailFast from "./FailFast.ts"
import * as Guards from "./Guards.ts"
import * as Http from "./Http.ts"
import * as InProcess from "./InProcess.ts"
import * as Memory from "./Memory.ts"
import { machine, type Part, table } from "./Rounds.ts"

const parts: Readonly<Record<string, (rounds: number) => Promise<Part>>> = {
  inproc: InProcess.measureAll,
  failfast: FailFast.measureAll,
  memory: Memory.measureAll,
  guards: Guards.measureAll,
  http: (rounds) => Http.measureAll(Math.min(rounds, 5))
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "20" } }
})
const unknown = positionals.find((name) => parts[name] === undefined)
if (unknown !== undefined || !/^[1-9]\d*$/.test(values.rounds)) {
  console.error(
    unknown === undefined
      ? `--rounds must be a whole number from 1 up, but it is ${JSON.stringify(values.rounds)}`
      : `there is no part ${JSON.stringify(unknown)}; there are: ${Object.keys(parts).join(", ")}`
  )
  process.exit(2)
}

if (!values.json) console.log(machine())
const measured: Array<Part> = []
for (const name of positionals.length === 0 ? Object.keys(parts) : positionals) {
  const part = await parts[name]!(Number(values.rounds))
  measured.push(part)
  if (values.json) continue
  console.log(`\n${part.title}`)
  for (const line of table(part.head, part.rows)) console.log(line)
}
const targets = measured.flatMap((part) => part.targets)
if (values.json) {
  const rows = measured.flatMap(({ head, rows, title }) =>
    rows.map((row) => ({ part: title, ...Object.fromEntries(row.map((cell, at) => [head[at]!, cell])) }))
  )
  console.log(JSON.stringify({ machine: machine(), rows, targets }))
} else if (targets.length > 0) {
  console.log("")
  const rows = targets.map(({ goal, name, pass, value }) => [name, goal, value, pass ? "pass" : "short"])
  for (const line of table(["target", "goal", "measured", ""], rows)) console.log(line)
}
process.exit(0)
