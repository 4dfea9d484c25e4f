/**
 * The kinds of flags that commands have in common.
 *
 * @since 0.1.0
 */
import { HelpDoc, Options as Flag, ValidationError } from "@effect/cli"
import { Effect, type Option } from "effect"
import * as Options from "../Options.ts"

/**
 * How the text of a flag is read: what gives `undefined` is refused, with what was expected and, unless it may hold a
 * secret, with what was given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spec<A> {
  readonly kind: string
  readonly about: string
  readonly expected: string
  readonly parse: (text: string) => A | undefined
  readonly secret?: boolean
}

/**
 * A flag that may be left out.
 *
 * @since 0.1.0
 * @category flags
 */
export const parsed = <A>(name: string, spec: Spec<A>): Flag.Options<Option.Option<A>> =>
  text(name, spec).pipe(Flag.mapEffect(reading(name, spec)), Flag.optional)

/**
 * A flag that may be given several times, each time with one value or with several, separated by commas. What is given
 * twice counts once.
 *
 * @since 0.1.0
 * @category flags
 */
export const list = <A>(name: string, spec: Spec<A>): Flag.Options<ReadonlyArray<A>> =>
  text(name, spec).pipe(
    Flag.repeated,
    Flag.mapEffect((texts) =>
      Effect.forEach(new Set(texts.flatMap((text) => text.split(",")).map((text) => text.trim())), reading(name, spec))
    )
  )

/**
 * A flag that may be given several times, each time with one value.
 *
 * @since 0.1.0
 * @category flags
 */
export const repeated = <A>(name: string, spec: Spec<A>): Flag.Options<ReadonlyArray<A>> =>
  text(name, spec).pipe(
    Flag.repeated,
    Flag.mapEffect((texts) => Effect.forEach(texts, reading(name, spec)))
  )

const text = (name: string, { about, kind }: Spec<unknown>) =>
  Flag.text(name).pipe(Flag.withPseudoName(kind), Flag.withDescription(about))

const reading =
  <A>(name: string, { expected, parse, secret }: Spec<A>) =>
  (text: string): Effect.Effect<A, ValidationError.ValidationError> => {
    const value = parse(text)
    if (value !== undefined) return Effect.succeed(value)
    const given = secret === true ? "" : `, but it is ${JSON.stringify(text.slice(0, 100))}`
    return Effect.fail(ValidationError.invalidValue(HelpDoc.p(`--${name} must be ${expected}${given}`)))
  }

/**
 * A duration such as `500ms` or `2s`, in milliseconds.
 *
 * @since 0.1.0
 * @category flags
 */
export const duration = (name: string, about: string): Flag.Options<Option.Option<number>> =>
  parsed(name, { kind: "duration", about, expected: Options.expectedDuration, parse: Options.parseDuration })

/**
 * The base URL of an HTTP service, without the slash at its end. No braces: a template would be asked for as it is written.
 *
 * @since 0.1.0
 * @category flags
 */
export const baseUrl = (name: string, about: string, more = ""): Flag.Options<Option.Option<string>> =>
  parsed(name, {
    kind: "url",
    about,
    expected: `a URL of http or https without a query, like "http://localhost:8080"${more}`,
    parse: (text) => {
      const url = URL.canParse(text) && /^https?:\/\//i.test(text) ? new URL(text) : undefined
      return url === undefined || /[?#{}]/.test(text) ? undefined : url.toString().replace(/\/+$/, "")
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

/**
 * Reads `5%` and `0.05`, more than nothing and at most all.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseShare = (text: string): number | undefined => {
  const share = /^\d+(?:\.\d+)?%$/.test(text)
    ? Number(text.slice(0, -1)) / 100
    : /^(?:0?\.\d+|1)$/.test(text)
      ? Number(text)
      : 0
  return share > 0 && share <= 1 ? share : undefined
}
