/**
 * What muster costs beside what else there is: `npm run bench`, or one part of it with `npm run bench -- inproc`.
 *
 * Prints tables, and with `--write` puts them into the README beside this file, and a few of them into that of the project; with `--json` (`npm run -s bench -- --json`)
 * it prints `{ machine, rows, targets }`, and its notes go to stderr. `--rounds 20` is how often each variant is measured.
 * A target is reached when its whole confidence interval is on the right side; it says so or says that it fell short, and
 * both are news.
 */
import { writeFileSync } from "node:fs"
import { cpus, totalmem } from "node:os"
import * as Arguments from "./Arguments.ts"
import * as FailFast from "./FailFast.ts"
import * as Guards from "./Guards.ts"
import * as Http from "./Http.ts"
import * as InProcess from "./InProcess.ts"
import * as Memory from "./Memory.ts"
import { type Part, records, table } from "./Part.ts"
import * as Summary from "./Summary.ts"

const parts: Readonly<Record<string, (rounds: number) => Promise<Part>>> = {
  inproc: InProcess.measureAll,
  failfast: FailFast.measureAll,
  memory: Memory.measureAll,
  guards: Guards.measureAll,
  http: Http.measureAll
}

const { chosen, given, json, rounds, write } = Arguments.read(Object.keys(parts))

// What was started ends with the process, and what was written is gone, also when it is stopped.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130))

const all = cpus()
const machine = `${all.length} x ${all[0]?.model.trim() ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB, node ${process.versions.node}`

const said: Array<string> = []
const say = (...lines: ReadonlyArray<string>) => {
  said.push(...lines)
  if (!json) lines.forEach((line) => console.log(line))
}

say(machine)
const measured: Array<Part> = []
for (const name of chosen) {
  const part = await parts[name]!(rounds)
  measured.push(part)
  say("", part.title, ...table(part.head, part.rows), ...part.notes)
  if (json) part.notes.forEach((note) => console.error(`${name}: ${note}`))
}
const targets = measured.flatMap((part) => part.targets)
if (targets.length > 0) {
  const rows = targets.map(({ goal, name, pass, value }) => [name, goal, value, pass ? "pass" : "short"])
  say("", ...table(["target", "goal", "measured", ""], rows))
}
if (json) console.log(JSON.stringify({ machine, rows: measured.flatMap(records), targets }, undefined, 2))
if (write) {
  const command = ["npm run bench --", ...given, `--rounds ${rounds}`, "--write"].join(" ")
  const text = `# What muster costs\n\nWritten by \`${command}\`.\n\n\`\`\`text\n${said.join("\n")}\n\`\`\`\n`
  writeFileSync("test/bench/README.md", text)
  Summary.write("README.md", measured)
}
process.exit(0)
