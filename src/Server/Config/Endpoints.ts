/**
 * Makes the endpoints of a file that is right.
 *
 * @since 0.1.0
 */
import { Effect, Either, Schema } from "effect"
import * as Aggregation from "../../Aggregation.ts"
import * as Graph from "../../Aggregation/Graph.ts"
import { Aggregator, SourceFailed } from "../../Aggregator.ts"
import { QuorumNotReached } from "../../Gather.ts"
import * as Outcome from "../../Outcome.ts"
import * as Endpoint from "../Endpoint.ts"
import { Inbound, type InboundRequest } from "../Inbound.ts"
import * as Sources from "./Checks/Sources.ts"
import type * as File from "./File.ts"
import * as Answering from "./File/Answering.ts"
import * as Inputs from "./File/Inputs.ts"
import * as Guards from "./Guards.ts"
import { type Finding, orFinding } from "./Problem.ts"
import type { Values } from "./Question.ts"
import * as Uses from "./Uses.ts"

/**
 * A service that can be asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly guard: Guards.Guard
  /**
   * Fills in the question of the source of this name; these headers are sent on with it. `unread` says that its answer is
   * passed on as it comes.
   */
  readonly ask: (
    name: string,
    source: File.Source,
    values: Values,
    forwarded: Readonly<Record<string, string>>,
    unread: boolean
  ) => Either.Either<Asking, unknown>
}

/**
 * A question, and what asks it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Asking {
  /** Tells it from others. */
  readonly question: () => string
  readonly answer: Effect.Effect<unknown, unknown>
}

/**
 * The endpoints, and what is wrong with options that only making them has shown.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  { endpoints }: File.File,
  services: ReadonlyMap<string, Service>
): { readonly endpoints: ReadonlyArray<Endpoint.Endpoint>; readonly findings: ReadonlyArray<Finding> } => {
  const made = Object.entries(endpoints).map(([name, endpoint]) =>
    orFinding(["endpoints", name], endpoint, () => one(name, endpoint, services))
  )
  return {
    endpoints: made.filter((one): one is Endpoint.Endpoint => !("message" in one)),
    findings: made.filter((one): one is Finding => "message" in one)
  }
}

const one = (name: string, file: File.Endpoint, services: ReadonlyMap<string, Service>): Endpoint.Endpoint => {
  const names = Object.keys(file.sources)
  const graph = Graph.of(names.map((source) => node(name, source, file, services)))
  const { concurrency, policy = "failFast" } = file
  const aggregation = Aggregation.make(name, {
    input: inputOf(file),
    output:
      file.answer === undefined
        ? Answering.struct(names.map((name) => [name, Schema.Unknown]))
        : Answering.outputOf(file.answer),
    sources: graph,
    merge: (answers) => answered(file, answers),
    partial: (outcomes) => answered(file, standIns(file, outcomes)),
    options: { concurrency }
  })
  const endpoint = Endpoint.make(aggregation, {
    ...rules(file),
    handling: policy === "failFast" ? (file.handling ?? "either") : policy === "collect" ? "lenient" : "strict"
  })
  if (policy === "failFast" || policy === "collect") return endpoint
  const k = policy === "first" ? 1 : policy.quorum
  const ask = (input: unknown) =>
    Effect.map(aggregation.decode(input), (decoded) => some(name, graph(decoded), k, file))
  return { ...endpoint, output: policy === "first" ? Schema.Unknown : endpoint.output, ask }
}

const rules = ({
  deadline,
  description,
  forward,
  keys,
  maxBody,
  method,
  path,
  receipts,
  sources,
  values
}: File.Endpoint) => ({
  deadline,
  description,
  keys,
  maxBody,
  method,
  path,
  receipts,
  values,
  forward: Array.from(
    new Set([...(forward ?? []), ...Object.values(sources).flatMap((source) => source.forward ?? [])])
  )
})

/** The parameters as a schema; what they are used for limits what they may be. */
const inputOf = ({ input = {}, sources }: File.Endpoint): Schema.Schema<Values> => {
  const fields = Object.entries(input).map(
    ([name, one]) => [name, Inputs.fieldOf(one, Uses.of(sources, name))] as const
  )
  // The cast: its fields are only known now; each is a scalar.
  return Schema.Struct(Object.fromEntries(fields)) as unknown as Schema.Schema<Values>
}

const node = (
  endpoint: string,
  name: string,
  file: File.Endpoint,
  services: ReadonlyMap<string, Service>
): Graph.Node<Values, unknown> => {
  const source = file.sources[name]!
  const service = services.get(source.ask)!
  const guard = Guards.ofSource(`${endpoint}.${name}`, source)
  const forward = [...(file.forward ?? []), ...(source.forward ?? [])].map((header) => header.toLowerCase())
  const unread = isUnread(name, file)
  return {
    name,
    after: Sources.after(source, Object.keys(file.sources)),
    policy: policyOf(source),
    ask: (answers, input) => {
      const asked = (sent: Readonly<Record<string, string>>): Effect.Effect<unknown, unknown> => {
        const asking = service.ask(name, source, { ...input, ...answers }, sent, unread)
        if (Either.isLeft(asking)) return Effect.fail(asking.left)
        const { answer, question } = asking.right
        return guard(question)(service.guard(answer))
      }
      return forward.length === 0
        ? asked(nothing)
        : Effect.flatMap(Inbound, (inbound) => asked(sentOn(forward, inbound)))
    }
  }
}

/** Nobody looks into the answer of such a source: it is passed on as it came, with every digit of its numbers. */
const isUnread = (name: string, { answer, sources }: File.Endpoint): boolean => {
  const paths = answer === undefined ? [] : Answering.roots(answer)
  return (
    paths.every(([at, path]) => path[0] !== name || (path.length === 1 && at.at(-1) !== "from")) &&
    Object.values(sources).every((source) => !Sources.referencesIn(source).some(([, { root }]) => root === name))
  )
}

const nothing = {}

/** Those headers of the request that are sent on. */
const sentOn = (names: ReadonlyArray<string>, inbound: InboundRequest | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = inbound?.headers[name]
      return value === undefined ? [] : [[name, value] as const]
    })
  )

/** In a file, what is absent is `null`. */
const policyOf = ({ policy = "required" }: File.Source): Graph.Policy =>
  policy === "required" ? policy : policy === "optional" ? { orElse: null } : { orElse: policy.orElse }

const answered = ({ answer }: File.Endpoint, answers: Values): unknown =>
  answer === undefined ? answers : Answering.apply(answer, answers)

/** What stands in a partial answer for each source. */
const standIns = (
  { sources }: File.Endpoint,
  outcomes: Readonly<Record<string, Outcome.Outcome<unknown, unknown>>>
): Values =>
  Object.fromEntries(
    Object.entries(outcomes).map(([name, outcome]) => {
      if (outcome._tag === "Succeeded") return [name, outcome.value]
      const policy = sources[name]!.policy
      return [name, typeof policy === "object" ? policy.orElse : null]
    })
  )

/** A question that the first `k` sources to succeed answer. */
const some = (
  name: string,
  sources: Graph.Sources<unknown, never>,
  k: number,
  file: File.Endpoint
): Endpoint.Question<never> => ({
  lenient: undefined,
  strict: (listen) =>
    Aggregator.quorum(name, heard(sources, listen), k, {
      concurrency: file.concurrency
    }).pipe(
      Effect.map((winners) => (file.policy === "first" ? Object.values(winners)[0] : answered(file, winners))),
      Effect.catchTag("QuorumNotReached", (error) => Effect.fail(failedFirst(error)))
    )
})

const heard = (sources: Graph.Sources<unknown, never>, listen: Endpoint.Listener | undefined) =>
  Object.fromEntries(
    Object.entries(sources).map(([name, { effect }]) => [
      name,
      listen === undefined ? effect : Effect.onExit(effect, (exit) => Effect.sync(() => listen(name, exit)))
    ])
  )

/** Whoever asks is told of one source that failed; the error has the others. */
const failedFirst = <E>(error: QuorumNotReached<E>): SourceFailed<unknown> =>
  new SourceFailed({ source: error.failures[0]!.source, error, receipt: error.receipt! })
