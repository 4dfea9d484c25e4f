/**
 * The kinds of flags that commands have in common.
 *
 * @since 0.1.0
 */
import { HelpDoc, Options as Flag, ValidationError } from "@effect/cli"
import { Effect, type Option } from "effect"
import * as Options from "../Options.ts"

/**
 * A flag whose text is read by `parse`; what gives `undefined` is refused, with what was expected and, unless it may hold
 * a secret, with what was given.
 *
 * @since 0.1.0
 * @category flags
 */
export const parsed = <A>(
  name: string,
  spec: {
    readonly kind: string
    readonly about: string
    readonly expected: string
    readonly parse: (text: string) => A | undefined
    readonly secret?: boolean
  }
): Flag.Options<Option.Option<A>> =>
  Flag.text(name).pipe(
    Flag.withPseudoName(spec.kind),
    Flag.withDescription(spec.about),
    Flag.mapEffect((text) => {
      const value = spec.parse(text)
      if (value !== undefined) return Effect.succeed(value)
      const given = spec.secret === true ? "" : `, but it is ${JSON.stringify(text.slice(0, 100))}`
      return Effect.fail(ValidationError.invalidValue(HelpDoc.p(`--${name} must be ${spec.expected}${given}`)))
    }),
    Flag.optional
  )

/**
 * A duration such as `500ms` or `2s`, in milliseconds.
 *
 * @since 0.1.0
 * @category flags
 */
export const duration = (name: string, about: string): Flag.Options<Option.Option<number>> =>
  parsed(name, { kind: "duration", about, expected: Options.expectedDuration, parse: Options.parseDuration })

/**
 * The base URL of an HTTP service, without the slash at its end.
 *
 * @since 0.1.0
 * @category flags
 */
export const baseUrl = (name: string, about: string): Flag.Options<Option.Option<string>> =>
  parsed(name, {
    kind: "url",
    about,
    expected: `a URL of http or https without a query, like "http://localhost:8080"`,
    parse: (text) => {
      const url = URL.canParse(text) && /^https?:\/\//i.test(text) ? new URL(text) : undefined
      return url === undefined || /[?#]/.test(text) ? undefined : url.toString().replace(/\/+$/, "")
    },
    secret: true
  })

/**
 * A flag that is there or not.
 *
 * @since 0.1.0
 * @category flags
 */
export const given = (name: string, about: string): Flag.Options<boolean> =>
  Flag.withDescription(Flag.boolean(name), about)
