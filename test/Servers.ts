/**
 * The real servers that tests ask. `npm run servers` installs them; the tests start what they ask for.
 *
 * ```ts
 * Servers.suite("postgres", "Postgres", () => {
 *   it.live("answers", () => Effect.gen(function* () {
 *     const { url } = yield* Servers.shared("postgres")
 *   }))
 * })
 * ```
 */
import { Effect, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import { describe, inject } from "vitest"
import { type Address, certificateArguments, type Instance, start } from "./Servers/Instance.ts"
import { find, type Kind, type Options, recipes } from "./Servers/Recipes.ts"

export type { Address, Kind, Options }

// A worker whose runner was killed goes on for ever, and keeps its servers; vitest lets nobody call `process.exit` in it.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"))

/** A server of a test's own, which it may kill. */
export interface Private extends Address {
  /** Ends the process at once, as a crash would. */
  readonly kill: Effect.Effect<void>
  /** Starts it again after {@link Private.kill}, on the same port and files. */
  readonly restart: Effect.Effect<void>
}

/** Why the tests of a suite cannot run, in a line; `undefined` when they can. Where they must run, it throws. */
export const missing = (
  kind: Kind,
  title: string,
  { isInstalled = find(kind) !== undefined, mustRun = process.env["CI"] === "true" } = {}
): string | undefined => {
  if (isInstalled) return undefined
  const line = `${title}: ${recipes[kind].name} is not installed, so these tests cannot run. Install it: npm run servers`
  if (mustRun) throw new Error(line)
  return line
}

/**
 * A `describe` whose tests need a server. Without the server it is skipped and says so in a line; under `CI=true` it
 * fails.
 */
export const suite = (kind: Kind, title: string, body: () => void): void => {
  const line = missing(kind, title)
  if (line === undefined) return void describe(title, body)
  console.warn(line)
  describe.skip(title, body)
}

/** One for this file alone, where no `--config` was given and so nobody can be asked for one to share. */
const own = new Map<Kind, Promise<Address>>()

const ask = async (kind: Kind): Promise<Address> => {
  const broker = inject("servers")
  if (broker === undefined) {
    const address = own.get(kind) ?? start(kind)
    own.set(kind, address)
    return address
  }
  // Closed at once: other tests look for connections that are left.
  const response = await fetch(`${broker}/${kind}`, { headers: { connection: "close" } })
  if (!response.ok) throw new Error(await response.text())
  // The cast: it is what `vitest.setup.ts` sends.
  return (await response.json()) as Address
}

/**
 * The server that all files of a run share, started when the first of them asks. Who writes to it takes names that nobody
 * else has.
 */
export const shared = (kind: Kind): Effect.Effect<Address> => Effect.promise(() => ask(kind))

const scoped =
  (kind: Kind) =>
  (options?: Options): Effect.Effect<Private, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.promise(() => start(kind, options)),
      (instance: Instance) => Effect.promise(instance.stop)
    ).pipe(
      Effect.map(({ kill, start, stop: _, ...address }) => ({
        ...address,
        kill: Effect.promise(kill),
        restart: Effect.promise(start)
      }))
    )

/** A PostgreSQL of the test's own, for as long as its scope. */
export const postgres = scoped("postgres")

/** A MariaDB of the test's own, for as long as its scope. */
export const mariadb = scoped("mariadb")

/** A Redis of the test's own, for as long as its scope. */
export const redis = scoped("redis")

/** A certificate that no server has. */
export const certificate = (): string =>
  execFileSync("openssl", [...certificateArguments, "-keyout", "/dev/null"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"]
  })
