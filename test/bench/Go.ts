/** Programs in Go, built into a folder that is gone with the process; none where go is not installed. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Program from "./Program.ts"

/** `npm run` begins in the folder of the package. */
const sources = join(process.cwd(), "test/bench/go")

const readVersion = () => {
  try {
    return execFileSync("go", ["version"], { encoding: "utf8" }).split(" ")[2]
  } catch {
    return undefined
  }
}

/** As in `go1.22.5`. */
export const version = readVersion()

/** What there is to say of it beside the figures. */
export const note = (how: string): string =>
  version === undefined ? "go is not installed: left out" : `Go: ${version}, ${how}`

/** The path of a program of `test/bench/go`, built. */
export const build = (program: string): string | undefined => {
  if (version === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), "muster-bench-go-"))
  process.once("exit", () => rmSync(folder, { recursive: true }))
  const file = join(folder, program)
  // Its own toolchain: this is no time to fetch another.
  const env = { ...process.env, GOTOOLCHAIN: "local" }
  execFileSync("go", ["build", "-o", file, `./${program}`], {
    cwd: sources,
    env,
    stdio: ["ignore", "ignore", "inherit"]
  })
  return file
}

/** The program of the parts that have no server; with two cores, as there are two for node and its collector. */
export const start = (): Program.Asked | undefined => {
  const file = build("inproc")
  if (file === undefined) return undefined
  return Program.start(file, [], { GOMAXPROCS: "2" })
}
