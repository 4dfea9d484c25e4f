/**
 * Sources of which some need the answers of others: all that can run at once does, and the rest follows.
 *
 * @since 0.1.0
 */
import { Cause, Deferred, Effect, type Exit, FiberId, type Option, Schema } from "effect"
import { Asking } from "../Receipt/Asking.ts"
import { Entry, type Recorder } from "../Receipt/Recorder.ts"
import * as Source from "../Source.ts"
import { inOrder } from "./Graph/Order.ts"

export {
  /** @since 0.1.0 */
  cycleIn
} from "./Graph/Order.ts"

/**
 * A source was not asked, because one that it comes after gave no answer and has nothing to stand in for it.
 *
 * It fails no `gather`, where the failure of the other one does; it is what `collect` and its like say of the source.
 *
 * @since 0.1.0
 * @category errors
 */
export class DependencyFailed extends Schema.TaggedError<DependencyFailed>(
  "effect-muster/Aggregation/Graph/DependencyFailed"
)("DependencyFailed", { source: Schema.String, dependency: Schema.String }) {
  override get message() {
    return `Source "${this.source}" was not asked: "${this.dependency}", which it comes after, gave no answer`
  }
}

/**
 * What a failure means for the answer, as data: `Source.required`, `Source.optional`, `Source.orElse`.
 *
 * @since 0.1.0
 * @category models
 */
export type Policy = "required" | "optional" | { readonly orElse: unknown }

/**
 * One source of a graph.
 *
 * @since 0.1.0
 * @category models
 */
export interface Node<I, E = unknown, R = never> {
  readonly name: string
  /** The sources whose answers it needs; it is asked in the moment the last of them has ended. */
  readonly after?: ReadonlyArray<string> | undefined
  /** Default `"required"`. */
  readonly policy?: Policy | undefined
  /**
   * Asks, given what stands in the answer for each source of `after`. So one that is absent does not keep this one from
   * being asked: it is `Option.none`, or its fallback.
   */
  readonly ask: (answers: Readonly<Record<string, unknown>>, input: I) => Effect.Effect<unknown, E, R>
}

/**
 * A graph whose answers have types; called with an input, it gives the sources.
 *
 * @since 0.1.0
 * @category models
 */
export interface Graph<I, S> {
  (input: I): S
  /** The graph with another source, which may come after those that are there. */
  readonly source: <
    const N extends string,
    A,
    E,
    R,
    const D extends ReadonlyArray<keyof S & string> = [],
    const P extends Policy = "required"
  >(
    name: N,
    node: {
      readonly after?: D
      readonly policy?: P
      readonly ask: (answers: { readonly [K in D[number]]: Source.Answer<S[K]> }, input: I) => Effect.Effect<A, E, R>
    }
  ) => Graph<I, { readonly [K in keyof S | N]: K extends keyof S ? S[K] : Placed<P, A, E, Unasked<D>, R> }>
}

type Unasked<D extends ReadonlyArray<unknown>> = D extends readonly [] ? never : DependencyFailed

type Placed<P, A, E, X, R> = P extends "optional"
  ? Source.Source<A, E | X, R, Option.Option<A>, never>
  : P extends { readonly orElse: infer B }
    ? Source.Source<A, E | X, R, A | B, never>
    : Source.Source<A, E | X, R, A, E>

/**
 * An empty graph, for inputs of type `I`: add its sources one by one, as many at once as do not need each other are asked.
 *
 * @example
 * ```ts
 * const graph = Graph.make<{ readonly id: string }>()
 *   .source("profile", { ask: (_, { id }) => findProfile(id) })
 *   .source("orders", { ask: (_, { id }) => findOrders(id) })
 *   .source("offers", { after: ["profile"], policy: "optional", ask: ({ profile }) => findOffers(profile.country) })
 *
 * const Dashboard = Aggregation.make("dashboard", { input, output, sources: graph, merge })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <I = void>(): Graph<I, {}> => chain([])

const chain = <I, S>(nodes: ReadonlyArray<Node<I, unknown, unknown>>): Graph<I, S> =>
  // What each source gives, the list of nodes has forgotten; the type of `source` adds it up.
  Object.assign(of(nodes) as Graph<I, S>, {
    source: (name: string, node: Omit<Node<I, unknown, unknown>, "name">) => chain([...nodes, { ...node, name }])
  })

/**
 * The sources for an input, by name.
 *
 * @since 0.1.0
 * @category models
 */
export type Sources<E, R> = Record<string, Source.Source<unknown, E | DependencyFailed, R, unknown, E>>

/**
 * Gives the sources for an input, to be asked by a policy of `Gather` or `Aggregator`, all in one call.
 *
 * In the receipt a source starts when it is asked, and what it waited before is `queued`; one whose dependency failed the
 * answer was not started. Where the concurrency is limited, one that waits holds a place, but none stands before one that
 * it waits for, so that somebody always gets on.
 *
 * Cycles, unknown names and names given twice are refused when it is made, as `InvalidOption`.
 *
 * @see {@link make} for a graph whose answers have types
 * @since 0.1.0
 * @category constructors
 */
export const of = <I, E, R>(nodes: ReadonlyArray<Node<I, E, R>>): ((input: I) => Sources<E, R>) => {
  const sorted = inOrder(nodes)
  const awaited = new Set(nodes.flatMap(({ after = [] }) => after))
  return (input) => {
    const runs = new WeakMap<Recorder, Run>()
    const known: Sources<E, R> = {}
    for (const node of sorted)
      known[node.name] =
        node.after?.length || awaited.has(node.name)
          ? placed(node, input, runs)
          : // Nobody waits for it, and it for nobody.
            withPolicy(node, asked(node, input))
    return known
  }
}

/** The answers of one aggregation: what stands for each source, or the name of one that gave none. */
type Run = Map<string, Deferred.Deferred<unknown, string>>

const placed = <I, E, R>(node: Node<I, E, R>, input: I, runs: WeakMap<Recorder, Run>) => {
  const effect = Effect.flatMap(Asking, (entry): Effect.Effect<unknown, E | DependencyFailed, R> => {
    if (!(entry instanceof Entry)) return Effect.dieMessage("The sources of a graph are asked together, by a gather")
    const { recorder } = entry
    const run: Run = runs.get(recorder) ?? new Map()
    runs.set(recorder, run)
    const cell = cellOf(run, node.name)
    const answered = (exit: Exit.Exit<unknown, unknown>) => {
      if (exit._tag === "Success") return Deferred.unsafeDone(cell, Effect.succeed(present(exit.value)))
      if (source.absent !== undefined && !isDefect(exit)) return Deferred.unsafeDone(cell, Effect.sync(source.absent))
      // There it fails the answer, and those that wait for it are stopped.
      if (recorder.policy !== "failFast") Deferred.unsafeDone(cell, Effect.fail(node.name))
    }
    return waited(node, entry, run).pipe(
      Effect.flatMap((answers) => node.ask(answers, input)),
      Effect.onExit((exit) => Effect.sync(() => answered(exit)))
    )
  })
  const source = withPolicy(node, effect)
  // The cast: it is given what its own effect gives.
  const present = source.present as (value: unknown) => unknown
  return source
}

/** What is thrown is a defect of the source. */
const asked = <I, E, R>({ ask }: Node<I, E, R>, input: I): Effect.Effect<unknown, E, R> => {
  try {
    return ask({}, input)
  } catch (defect) {
    return Effect.die(defect)
  }
}

const withPolicy = <I, E, R>(
  { policy = "required" }: Node<I, E, R>,
  effect: Effect.Effect<unknown, E | DependencyFailed, R>
) => {
  const source =
    policy === "required"
      ? Source.required(effect)
      : policy === "optional"
        ? Source.optional(effect)
        : Source.orElse(effect, policy.orElse)
  // No answer fails with `DependencyFailed`: what the dependency failed with, fails it.
  return source as Source.Source<unknown, E | DependencyFailed, R, unknown, E>
}

const isDefect = (exit: Exit.Failure<unknown, unknown>) => Cause.failureOption(exit.cause)._tag === "None"

const cellOf = (run: Run, name: string) => {
  const cell = run.get(name) ?? Deferred.unsafeMake<unknown, string>(FiberId.none)
  run.set(name, cell)
  return cell
}

/** The source that ended last of these, unless it had ended before this instant. */
const lastOf = ({ entries }: Recorder, names: ReadonlyArray<string>, from: number) =>
  entries
    .filter(({ end, name }) => names.includes(name) && end !== null && end >= from)
    .reduce<Entry<unknown, unknown> | undefined>((last, one) => (one.end! >= (last?.end ?? 0) ? one : last), undefined)

/** Waits for the sources that this one comes after, and gives what stands for them. */
const waited = <I, E, R>({ after = [], name }: Node<I, E, R>, entry: Entry<unknown, unknown>, run: Run) => {
  if (after.length === 0) return Effect.succeed({})
  return Effect.suspend(() => {
    const { recorder } = entry
    const from = recorder.now()
    entry.stepBack()
    const goOn = Effect.sync(() => {
      entry.queued(recorder.now() - from)
      entry.stepForward(lastOf(recorder, after, from))
    })
    const answers = Effect.forEach(after, (dependency) =>
      Effect.map(Deferred.await(cellOf(run, dependency)), (answer) => [dependency, answer] as const)
    )
    return answers.pipe(
      Effect.tapBoth({ onSuccess: () => goOn, onFailure: () => goOn }),
      Effect.mapBoth({
        onSuccess: Object.fromEntries<unknown>,
        onFailure: (dependency) => new DependencyFailed({ source: name, dependency })
      })
    )
  })
}
