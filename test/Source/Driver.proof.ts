import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

const program = `
import { Cause, Effect } from "effect"
import * as Mongo from "./src/Source/Mongo.ts"
import * as Mysql from "./src/Source/Mysql.ts"
import * as Postgres from "./src/Source/Postgres.ts"
import * as Redis from "./src/Source/Redis.ts"

const sources = {
  pg: Postgres.make("postgres://127.0.0.1:1/shop"),
  mysql2: Mysql.make({ url: "mysql://127.0.0.1:1/shop" }),
  ioredis: Redis.make("redis://127.0.0.1:1"),
  mongodb: Mongo.make("mongodb://127.0.0.1:1/shop")
}
for (const source of Object.values(sources)) {
  const exit = await Effect.runPromiseExit(Effect.scoped(source))
  console.log(exit._tag === "Failure" ? Cause.pretty(exit.cause).split("\\n")[0] : "it was made")
}
`

describe("a driver that is not installed", () => {
  let folder: string

  // As in a project that has installed muster alone.
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-drivers-"))
    await cp(join(root, "src"), join(folder, "src"), { recursive: true })
    await mkdir(join(folder, "node_modules"))
    for (const name of ["effect", "@effect", "lossless-json"])
      await symlink(join(root, "node_modules", name), join(folder, "node_modules", name))
    await writeFile(join(folder, "package.json"), `{ "type": "module" }`)
    await writeFile(join(folder, "program.ts"), program)
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("is an error that says what to install, when the source is made", async () => {
    const tsx = join(root, "node_modules/tsx/dist/cli.mjs")
    const { stdout } = await promisify(execFile)(process.execPath, [tsx, "program.ts"], { cwd: folder })

    const lines = [
      ["pg", "pg@8"],
      ["mysql2", "mysql2@3"],
      ["ioredis", "ioredis@5"],
      ["mongodb", "mongodb@7"]
    ].map(([driver, install]) => `The driver "${driver}" is not installed. Install it: npm install ${install}`)
    assert.deepStrictEqual(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.replace(/^.*?: (?=The driver)/, "")),
      lines
    )
  }, 60_000)
})
