import { ConfigProvider, Effect, Layer, type Scope } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Config from "../../../src/Server/Config.ts"
import { Drivers, type Questions, type ServiceSettings, type SourceError } from "../../../src/Source.ts"

type Env = Readonly<Record<string, string>>

/** A file called `muster.yaml` with this in it, for the scope. */
export const written = (content: string | Uint8Array): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "muster-config-"))),
      (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
    )
    const file = join(folder, "muster.yaml")
    yield* Effect.promise(() => writeFile(file, content))
    return file
  })

export const within = (env: Env) => Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env))))

/** What is wrong with this content: `line:column: path: message`, one by one. */
export const wrong = (content: string | Uint8Array, env: Env = {}): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const file = yield* written(content)
    const { lines } = yield* Effect.flip(Config.check(file))
    return lines.map((line) => line.replace(file, "").replace(/^: ?/, "").replace(/^:/, ""))
  }).pipe(within(env), Effect.scoped, Effect.orDie)

export interface Asked {
  readonly kind: keyof Questions
  readonly settings: ServiceSettings
  readonly question: Questions[keyof Questions]
}

export type Answers = (asked: Asked) => Effect.Effect<unknown, SourceError>

/** Drivers that remember what they are asked, and answer as they are told. */
export const drivers = (answer: Answers, remembered: Array<Asked> = []): Layer.Layer<Drivers> => {
  const driver =
    <K extends keyof Questions>(kind: K) =>
    (settings: ServiceSettings) =>
      Effect.succeed((question: Questions[K]) =>
        Effect.suspend(() => {
          const asked = { kind, settings, question }
          remembered.push(asked)
          return answer(asked)
        })
      )
  return Layer.succeed(Drivers, {
    http: driver("http"),
    postgres: driver("postgres"),
    mysql: driver("mysql"),
    sqlite: driver("sqlite"),
    redis: driver("redis"),
    mongo: driver("mongo")
  })
}
