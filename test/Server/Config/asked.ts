import { Effect, Layer } from "effect"
import { Aggregator } from "../../../src/Aggregator.ts"
import * as Config from "../../../src/Server/Config.ts"
import type { Endpoint } from "../../../src/Server/Endpoint.ts"
import { Inbound } from "../../../src/Server/Inbound.ts"
import * as Testkit from "../../../src/Testkit.ts"
import { type Answers, type Asked, drivers, within, written } from "./files.ts"

export interface Options {
  readonly env?: Readonly<Record<string, string>>
  /** The headers of the request that its endpoint forwards. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What a file comes to over services that answer like this: its endpoints, and all that its services are asked. */
export const served = (content: string, answer: Answers, { env = {}, headers = {} }: Options = {}) =>
  Effect.gen(function* () {
    const asked: Array<Asked> = []
    const file = yield* written(content)
    const endpoints = yield* Config.load(file).pipe(Effect.provide(drivers(answer, asked)), within(env))
    const aggregator = yield* Layer.build(Aggregator.layer({ logger: Testkit.silent }))
    const endpoint = (name: string): Endpoint => endpoints.find((one) => one.name === name)!
    const ask = (name: string, input: unknown = {}) =>
      Effect.flatMap(endpoint(name).ask(input), (question) => question.strict()).pipe(
        Effect.provide(aggregator),
        Effect.provideService(Inbound, { id: "1", headers, key: undefined })
      )
    const lenient = (name: string, input: unknown = {}) =>
      Effect.flatMap(endpoint(name).ask(input), (question) => question.lenient!()).pipe(Effect.provide(aggregator))
    return { endpoint, asked, ask, lenient }
  })

/** Answers an HTTP service by the path that it is asked for; other services by what is asked. */
export const byPath =
  (answers: Readonly<Record<string, Effect.Effect<unknown, never>>>): Answers =>
  ({ question }) =>
    "path" in question ? (answers[question.path] ?? Effect.die(`no answer for ${question.path}`)) : Effect.succeed([])
