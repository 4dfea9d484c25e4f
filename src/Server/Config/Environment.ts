/**
 * References to the environment in a text: `${NAME}`, and `${NAME:-default}`. `$${NAME}` is no reference, but `${NAME}` itself.
 *
 * @since 0.1.0
 */
import { Config, Effect, type JSONSchema, Option } from "effect"

/**
 * Gives what the environment has for a name.
 *
 * @since 0.1.0
 * @category models
 */
export type Lookup = (name: string) => string | undefined

/** What is none, a reference, or what ought to be one. */
const token = /\$(\$\{[^}]*\}?)|\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}|\$\{/g

/**
 * What stands between the references of a text, what they give, or why they cannot be had.
 *
 * @since 0.1.0
 * @category models
 */
export type Part = { readonly text: string } | { readonly value: string } | { readonly missing: string }

/**
 * A text in parts.
 *
 * @since 0.1.0
 * @category reading
 */
export const parts = (text: string, env: Lookup): ReadonlyArray<Part> => {
  const found: Array<Part> = []
  let end = 0
  for (const match of text.matchAll(token)) {
    const [all, plain, name, otherwise] = match
    if (match.index > end) found.push({ text: text.slice(end, match.index) })
    end = match.index + all.length
    if (plain !== undefined) found.push({ value: plain })
    else if (name === undefined)
      found.push({ missing: `expected \${NAME} or \${NAME:-default}; for a plain "\${" write "$\${"` })
    else found.push(valueOf(name, otherwise, env))
  }
  return end < text.length ? [...found, { text: text.slice(end) }] : found
}

/** As in a shell, an empty value counts as none where there is a default. */
const valueOf = (name: string, otherwise: string | undefined, env: Lookup): Part => {
  const value = env(name)
  if (otherwise !== undefined) return { value: value === undefined || value === "" ? otherwise : value }
  return value === undefined
    ? { missing: `the environment has no ${name}; \${${name}:-default} has a default` }
    : { value }
}

/**
 * A text with its references filled in.
 *
 * @since 0.1.0
 * @category reading
 */
export const fill = (text: string, env: Lookup): { readonly value: string } | { readonly missing: string } => {
  const all = parts(text, env)
  const missing = all.find((part) => "missing" in part)
  return (
    missing ?? { value: all.map((part) => ("text" in part ? part.text : "value" in part ? part.value : "")).join("") }
  )
}

/**
 * What the environment has for the names in a text, from the `ConfigProvider`.
 *
 * @since 0.1.0
 * @category reading
 */
export const of = (text: string): Effect.Effect<Lookup> =>
  Effect.gen(function* () {
    const values = new Map<string, string>()
    for (const [, , name] of text.matchAll(token)) {
      if (name === undefined || values.has(name)) continue
      const value = yield* Effect.option(Config.string(name))
      if (Option.isSome(value)) values.set(name, value.value)
    }
    return (name) => values.get(name)
  })

/**
 * A reference, for editors.
 *
 * @since 0.1.0
 * @category getters
 */
export const editor: JSONSchema.JsonSchema7 = { type: "string", pattern: "\\$\\{" }
