/**
 * What is served: an aggregation, the path it is served at, and the rules of that path.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Either, type Exit, type Redacted, type Schema } from "effect"
import type { Aggregation, InputRejected } from "../Aggregation.ts"
import { Aggregator, type SourceFailed } from "../Aggregator.ts"
import type { Needs, Sources } from "../Aggregator/Shape.ts"
import type { DeadlineExceeded } from "../Deadline.ts"
import * as Calling from "../Gather/Calling.ts"
import { like, members } from "../Gather/Shape.ts"
import * as Options from "../Options.ts"
import * as Source from "../Source.ts"
import { readForwarded, readHandling, readPath, where } from "./Endpoint/Rules.ts"
import * as Keys from "./Keys.ts"

/**
 * The rules of an endpoint; all of them may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface EndpointOptions {
  /**
   * Where it is served; default `/<name of the aggregation>`. A segment such as `:id` is a field of the input; the others
   * are letters, digits and `. _ ~ -`.
   */
  readonly path?: string | undefined
  /** `GET` (the default; `HEAD` too) reads its input from the query, `POST` from a body of JSON. */
  readonly method?: "GET" | "POST" | undefined
  /**
   * `strict` fails fast, `lenient` answers with what there is at the deadline, `either` is what a request says with
   * `Prefer: handling=`. Default: `either` for an aggregation with `partial`, else `strict`, which is all it can do.
   */
  readonly handling?: "strict" | "lenient" | "either" | undefined
  /** What `either` is for a request that does not say; default `strict`. */
  readonly otherwise?: Handling | undefined
  /**
   * Who may ask, by API keys; default: everybody. Each is the key itself, or `sha256:` and the 64 hexadecimal digits of
   * its hash.
   */
  readonly keys?: ReadonlyArray<Redacted.Redacted> | undefined
  /** The names of the request headers that sources see in `Inbound`, and may send on; default: none. */
  readonly forward?: ReadonlyArray<string> | undefined
  /** The longest body that is read, in bytes; default 1 MB (1,000,000 bytes). */
  readonly maxBody?: number | undefined
  /** The answer leaves at most this long after the request; default: what the server says. A request may shorten it. */
  readonly deadline?: Duration.DurationInput | undefined
  /**
   * Whether a streamed answer shows what each source gave, as it is or as this makes it (its result is written as JSON).
   * Default `false`: only how each source ended, and then the merged answer, since the merge may leave out what is not for
   * everybody's eyes.
   */
  readonly values?: boolean | ((source: string, value: unknown) => unknown) | undefined
  /**
   * Whether whoever asks may have the receipt, which has the names of all sources and the messages of their errors, with
   * the addresses in them; default `true`.
   */
  readonly receipts?: boolean | undefined
  /** What it is for, in the OpenAPI document and on the docs page. */
  readonly description?: string | undefined
}

/**
 * How one request is answered.
 *
 * @since 0.1.0
 * @category models
 */
export type Handling = "strict" | "lenient"

/**
 * Hears how each source ended, in the instant it does. It must not throw.
 *
 * @since 0.1.0
 * @category models
 */
export type Listener = (source: string, exit: Exit.Exit<unknown, unknown>) => void

/**
 * One decoded input, and the ways to be answered. Answers are in their encoded form.
 *
 * @since 0.1.0
 * @category models
 */
export interface Question<out R> {
  /** The merged answers, or the first failure of a required source. */
  readonly strict: (
    listen?: Listener
  ) => Effect.Effect<unknown, SourceFailed<unknown> | DeadlineExceeded, Aggregator | R>
  /** What there is at the deadline; only for an aggregation with `partial`. */
  readonly lenient: ((listen?: Listener) => Effect.Effect<unknown, never, Aggregator | R>) | undefined
}

/**
 * An aggregation as it is served. `R` is what its sources require.
 *
 * @since 0.1.0
 * @category models
 */
export interface Endpoint<out R = never> {
  /** The name of the aggregation. */
  readonly name: string
  readonly path: `/${string}`
  /** The fields of the input that stand in the path. */
  readonly params: ReadonlyArray<string>
  readonly method: "GET" | "POST"
  readonly handling: "strict" | "lenient" | "either"
  readonly otherwise: Handling
  readonly keys: Keys.Keys | undefined
  /** In lower case. */
  readonly forward: ReadonlyArray<string>
  readonly maxBody: number
  /** In milliseconds. */
  readonly deadline: number | undefined
  readonly values: ((source: string, value: unknown) => unknown) | undefined
  readonly receipts: boolean
  readonly description: string | undefined
  readonly input: Schema.Schema.All
  readonly output: Schema.Schema.All
  /** Reads an input from outside; most are read at once, which is an `Either`. */
  readonly ask: (input: unknown) => Effect.Effect<Question<R>, InputRejected>
}

/**
 * An aggregation of any kind.
 *
 * @since 0.1.0
 * @category models
 */
// Its input stands on both sides of a function, so that no type but `any` takes them all.
export type AnyAggregation = Aggregation<any, any, any, any, any>

/**
 * What can be served: an endpoint, or an aggregation with the default rules.
 *
 * @since 0.1.0
 * @category models
 */
export type Servable = Endpoint<unknown> | AnyAggregation

/**
 * What the sources of a servable require.
 *
 * @since 0.1.0
 * @category models
 */
export type Requirements<E> =
  E extends Endpoint<infer R>
    ? R
    : E extends Aggregation<any, any, infer S, any, any> // As above.
      ? Needs<S>
      : never

/**
 * Serves an aggregation by these rules. A wrong one is raised as an `InvalidOption`.
 *
 * @example
 * ```ts
 * const dashboard = Endpoint.make(Dashboard, { path: "/users/:id/dashboard", deadline: "2 seconds" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <I, A, const S extends Sources, IEncoded = I, AEncoded = A>(
  aggregation: Aggregation<I, A, S, IEncoded, AEncoded>,
  options: EndpointOptions = {}
): Endpoint<Needs<S>> => {
  const { values = false } = options
  const path = readPath(options.path ?? `/${encodeURIComponent(aggregation.aggregation)}`)
  return {
    name: aggregation.aggregation,
    path,
    params: path.split("/").flatMap((segment) => (segment.startsWith(":") ? [segment.slice(1)] : [])),
    method: options.method ?? "GET",
    handling: readHandling(options.handling, aggregation.lenient !== undefined),
    otherwise: options.otherwise ?? "strict",
    keys: options.keys === undefined ? undefined : Keys.make(options.keys),
    forward: (options.forward ?? []).map(readForwarded),
    maxBody: Options.count(where, "maxBody", options.maxBody ?? 1_000_000),
    deadline: options.deadline === undefined ? undefined : Options.duration(where, "deadline", options.deadline),
    values: typeof values === "function" ? values : values ? (_, value) => value : undefined,
    receipts: options.receipts ?? true,
    description: options.description,
    input: aggregation.input,
    output: aggregation.output,
    ask: (input) => {
      const decoded = aggregation.decode(input)
      // What is known at once is said at once.
      return Calling.isKnown(decoded)
        ? Either.map(decoded, (decoded) => question(aggregation, decoded))
        : Effect.map(decoded, (decoded) => question(aggregation, decoded))
    }
  }
}

/**
 * The endpoint of a servable: itself, or that of an aggregation by the default rules.
 *
 * @since 0.1.0
 * @category constructors
 */
export const from = (servable: Servable): Endpoint<unknown> =>
  typeof servable === "function" ? make(servable) : servable

const question = <I, A, S extends Sources, IEncoded, AEncoded>(
  { aggregation: name, encode, merge, options, partial, sources }: Aggregation<I, A, S, IEncoded, AEncoded>,
  input: I
): Question<Needs<S>> => {
  const shape = (listen: Listener | undefined) =>
    listen === undefined ? sources(input) : heard(sources(input), listen)
  return {
    strict: (listen) =>
      Calling.flatMap(
        Aggregator.gather(name, shape(listen), options),
        (answers) => encode(merge(answers, input))
        // What the conditional types of the plan say of its errors is no more than this.
      ) as ReturnType<Question<Needs<S>>["strict"]>,
    lenient:
      partial &&
      ((listen) =>
        Calling.flatMap(Aggregator.collect(name, shape(listen), options), (outcomes) =>
          encode(partial(outcomes, input))
        ))
  }
}

/**
 * The same sources, each telling how it ended.
 *
 * @since 0.1.0
 * @category constructors
 */
export const heard = <S extends Sources>(sources: S, listen: Listener): S => {
  const tapped = members<Source.AnySource, unknown>(sources, (name, source) => {
    const tap = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.onExit(effect, (exit) => Effect.sync(() => listen(name, exit)))
    return Source.isSource(source) ? { ...source, effect: tap(source.effect) } : tap(source)
  })
  // The cast: they stand in the shape that they came in, and give what they gave.
  return like(sources, tapped) as unknown as S
}
