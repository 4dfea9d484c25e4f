/**
 * Sources and items as what the engine asks.
 *
 * @since 0.1.0
 */
import { Effect, Exit, type Stream } from "effect"
import * as Calling from "../Gather/Calling.ts"
import * as Items from "../Gather/Items.ts"
import type * as Policies from "../Gather/Policies.ts"
import * as Promising from "../Gather/Promising.ts"
import type { Task } from "../Gather/Run.ts"
import { type Member, members } from "../Gather/Shape.ts"
import * as Source from "../Source.ts"
import { labelOf } from "./Report.ts"
import type { Needs, Sources } from "./Shape.ts"

// A list of tasks has lost what each of them gives, and so the casts put back, from the type of the shape.
type Tasks<E, R> = ReadonlyArray<Task<unknown, E, R>>

/**
 * Whether none of them needs a fiber. What can be read only once is not looked into.
 *
 * @since 0.1.0
 * @category getters
 */
export const areCalls = (sources: Sources): boolean => {
  if (Symbol.iterator in sources && !Array.isArray(sources)) return false
  return Object.values<Source.AnySource>(sources).every((source) => {
    const { called, promised } = plain("", Source.isSource(source) ? source.effect : source)
    return called !== undefined || promised !== undefined
  })
}

/**
 * Sources as tasks whose values and fallbacks are what stands in the answer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const presented = <S extends Sources>(sources: S) =>
  members<Source.AnySource, unknown>(sources, task) as Tasks<Source.Failure<Member<S>>, Needs<S>>

const task = (name: string, source: Source.AnySource): Task<unknown, unknown, unknown> => {
  if (!Source.isSource(source)) return plain(name, source)
  const { absent: fallback } = source
  // The cast: it is given what its own effect gives.
  const present = source.present as (value: unknown) => unknown
  const { called, effect, promised } = plain(name, source.effect)
  return {
    name,
    effect: Effect.map(effect, present),
    fallback,
    called: called && ((where, done) => called(where, (exit) => done(Exit.map(exit, present)))),
    promised: promised && {
      ...promised,
      succeeded: (value) => present(promised.succeeded(value))
    }
  }
}

/** An effect as a task without an outcome policy. */
const plain = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Task<A, E, R> => {
  const promised = Promising.of(effect)
  const called = promised === undefined ? Calling.of(effect) : undefined
  return { name, effect, fallback: undefined, promised, called }
}

/**
 * Sources as tasks without their outcome policies.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bare = <S extends Sources>(sources: S) =>
  members<Source.AnySource, unknown>(sources, (name, source) =>
    plain(name, Source.isSource(source) ? source.effect : source)
  ) as Tasks<Effect.Effect.Error<Source.EffectOf<Member<S>>>, Needs<S>>

/**
 * What is done for each item of a stream, in a span of its own; items of a list get theirs from the engine.
 *
 * @since 0.1.0
 * @category tracing
 */
export const spanned = <I, B, E, R, E2, R2>(
  context: Policies.Context,
  items: Iterable<I> | Stream.Stream<I, E2, R2>,
  f: (item: I, index: number) => Effect.Effect<B, E, R>
) => (Items.isStream(items) ? (item: I, index: number) => inSpan(context, String(index), f(item, index)) : f)

const inSpan = <A, E, R>({ recorder }: Policies.Context, source: string, effect: Effect.Effect<A, E, R>) =>
  Effect.withSpan(effect, `source ${labelOf(recorder.policy, source)}`, {
    attributes: { aggregation: recorder.aggregation, source },
    captureStackTrace: false
  })
