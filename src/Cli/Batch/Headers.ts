/**
 * Headers of the requests of `--http`. A secret in them is named, not given: the ledger keeps how a batch is run, and has
 * the name of a variable of the environment alone.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { whyNotSet } from "../../Server/Config/Checks/Services.ts"
import * as Environment from "../../Server/Config/Environment.ts"
import { badInput, type Failed } from "../Failed.ts"

/**
 * Headers by name; their values may refer to the environment: `Bearer ${TOKEN}`.
 *
 * @since 0.1.0
 * @category models
 */
export type Headers = Readonly<Record<string, string>>

/**
 * Reads one, such as `authorization: Bearer ${TOKEN}`.
 *
 * @since 0.1.0
 * @category parsing
 */
export const one = (text: string): readonly [name: string, value: string] | undefined => {
  const [, name, value] =
    /^([!#$%&'*+.^_`|~\w-]+):[\t ]*([\t\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])[\t ]*$/.exec(text) ?? []
  return name === undefined || value === undefined ? undefined : [name.toLowerCase(), value]
}

/**
 * True of the name of a header that is made for credentials.
 *
 * @since 0.1.0
 * @category getters
 */
export const hasCredentials = (name: string): boolean =>
  /authorization|cookie|token|secret|password|key$/.test(name) && name !== "idempotency-key"

/**
 * Collects headers. One that is made for credentials must have them from the environment.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (given: ReadonlyArray<readonly [name: string, value: string]>): Effect.Effect<Headers, Failed> =>
  Effect.gen(function* () {
    const headers = new Map<string, string>()
    for (const [name, value] of given) {
      if (headers.has(name)) return yield* badInput(`--header: ${name} is given twice`)
      const reason = whyNotSet(name)
      if (reason !== undefined) return yield* badInput(`--header: ${name} cannot be set: it ${reason}`)
      if (hasCredentials(name) && !value.includes("${"))
        return yield* badInput(
          `--header: ${name} must take what is secret from the environment, like '${name}: \${TOKEN}': the ledger keeps the rest`
        )
      headers.set(name, value)
    }
    return Object.fromEntries(headers)
  })

/**
 * The headers as they are sent.
 *
 * @since 0.1.0
 * @category getters
 */
export const filled = (headers: Headers): Effect.Effect<Headers, Failed> =>
  Effect.map(
    Effect.forEach(Object.entries(headers), ([name, text]) =>
      Effect.flatMap(Environment.of(text), (environment) => {
        const filled = Environment.fill(text, environment)
        if ("missing" in filled) return badInput(`--header: ${name}: ${filled.missing}`)
        // Nothing is said of a value that may be a secret.
        return one(`${name}: ${filled.value}`) === undefined
          ? badInput(`--header: ${name}: what the environment has for it cannot stand in a header`)
          : Effect.succeed([name, filled.value] as const)
      })
    ),
    Object.fromEntries
  )
