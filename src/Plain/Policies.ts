/**
 * The policies of an `Aggregator` as functions that give promises.
 *
 * @since 0.1.0
 */
import { Effect, Stream } from "effect"
import { Aggregator } from "../Aggregator.ts"
import type { AskItem, ItemOptions, Options, PlainPolicies } from "../Plain.ts"
import type { Calls } from "./Calls.ts"
import { Channel } from "./Channel.ts"
import { toEffect, toItems, toSources } from "./Sources.ts"

/**
 * The policies over an aggregator, which is looked up when a policy is called.
 *
 * @since 0.1.0
 * @category constructors
 */
export const policies = (calls: () => Calls): PlainPolicies => ({
  gather: (sources, options) =>
    answer(calls, options, "gather", (name) =>
      Aggregator.gather(name, toSources(`Plain.gather "${name}"`, sources), options)
    ),

  collect: (sources, options) =>
    answer(calls, options, "collect", (name) =>
      Aggregator.collect(name, toSources(`Plain.collect "${name}"`, sources), options)
    ),

  quorum: (sources, k, options) =>
    answer(calls, options, "quorum", (name) =>
      Aggregator.quorum(name, toSources(`Plain.quorum "${name}"`, sources), k, options)
    ),

  first: (sources, options) =>
    answer(calls, options, "first", (name) =>
      Aggregator.first(name, toSources(`Plain.first "${name}"`, sources), options)
    ),

  forEach: (items, ask, options) =>
    answer(calls, options, "forEach", (name) => Aggregator.forEach(name, toItems(items), asking(ask), options)),

  collectEach: <I, B>(items: Iterable<I> | AsyncIterable<I>, ask: AskItem<I, B>, options?: ItemOptions<I>) => {
    const { id, ...rest } = options ?? {}
    return answer<never>(calls, options, "collectEach", (name) =>
      id === undefined
        ? Aggregator.collectEach(name, toItems(items), asking(ask), rest)
        : Aggregator.collectEach(name, toItems(items), asking(ask), { ...rest, id })
    )
  },

  stream: (sources, options) => ({
    [Symbol.asyncIterator]: () => {
      const name = options?.name ?? "stream"
      const arrivals = new Channel<never>(() => stop())
      const stop = calls().start(
        name,
        options,
        () =>
          Stream.runForEach(Aggregator.stream(name, toSources(`Plain.stream "${name}"`, sources), options), (arrival) =>
            Effect.sync(() => arrivals.offer(arrival as never))
          ),
        { answered: () => arrivals.end(), failed: (reason) => arrivals.fail(reason) }
      )
      return arrivals
    }
  })
})

/**
 * Runs a policy. What each source gives is lost in the shape that an aggregator is given; it is put back here, by the type
 * of the function in {@link PlainPolicies}. In the same way `collectEach` and `stream` say `never`, which fits wherever it
 * stands.
 */
const answer = <A>(
  calls: () => Calls,
  options: Options | undefined,
  policy: string,
  body: (name: string) => Effect.Effect<unknown, unknown, Aggregator>
): Promise<A> => {
  const name = options?.name ?? policy
  return calls().answer(name, options, () => body(name)) as Promise<A>
}

const asking =
  <I, B>(ask: AskItem<I, B>) =>
  (item: I, index: number) =>
    toEffect((signal) => ask(item, signal, index))
