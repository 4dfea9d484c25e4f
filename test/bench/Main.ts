/**
 * What muster costs beside what else there is: `npm run bench`, or one part of it with `npm run bench -- inproc`.
 *
 * Prints tables, and with `--write` puts them into the README beside this file; with `--json` `{ machine, rows, targets }`. `--rounds 20` is how often each variant is measured. A target is
 * reached when its whole confidence interval is on the right side; it says so or says that it fell short, and both are news.
 */
import { writeFileSync } from "node:fs"
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
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "20" },
    write: { type: "boolean", default: false }
  }
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

const said: Array<string> = []
const say = (...lines: ReadonlyArray<string>) => {
  said.push(...lines)
  if (!values.json) lines.forEach((line) => console.log(line))
}

say(machine())
const measured: Array<Part> = []
for (const name of positionals.length === 0 ? Object.keys(parts) : positionals) {
  const part = await parts[name]!(Number(values.rounds))
  measured.push(part)
  say("", part.title, ...table(part.head, part.rows))
}
const targets = measured.flatMap((part) => part.targets)
if (targets.length > 0) {
  const rows = targets.map(({ goal, name, pass, value }) => [name, goal, value, pass ? "pass" : "short"])
  say("", ...table(["target", "goal", "measured", ""], rows))
}
if (values.json) {
  const rows = measured.flatMap(({ head, rows, title }) =>
    rows.map((row) => ({ part: title, ...Object.fromEntries(row.map((cell, at) => [head[at]!, cell])) }))
  )
  console.log(JSON.stringify({ machine: machine(), rows, targets }))
}
if (values.write) {
  const command = ["npm run bench --", ...positionals, `--rounds ${values.rounds}`, "--write"].join(" ")
  const text = `# What muster costs\n\nWritten by \`${command}\`.\n\n\`\`\`text\n${said.join("\n")}\n\`\`\`\n`
  writeFileSync("test/bench/README.md", text)
}
process.exit(0)
