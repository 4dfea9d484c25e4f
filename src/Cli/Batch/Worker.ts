/**
 * `muster batch worker`: runs items of a batch that another process gives orders for, beside other workers.
 *
 * @since 0.1.0
 */
import type { Command } from "@effect/cli"
import { Duration, Effect, Layer, Option, Schedule } from "effect"
import { resolve } from "node:path"
import * as Batch from "../../Batch.ts"
import * as Cluster from "../../Batch/Cluster.ts"
import { Asking } from "../../Receipt/Asking.ts"
import * as RateLimit from "../../Resilience/RateLimit.ts"
import type { flags } from "../Batch.ts"
import { badInput, noAnswer } from "../Failed.ts"
import { printable, Screen } from "../Screen.ts"
import { Signals } from "../Signals.ts"
import * as Opened from "./Opened.ts"
import * as Plan from "./Plan.ts"
import * as Words from "./Words.ts"
import * as Work from "./Work.ts"

type Given = Command.Command.ParseConfig<typeof flags.worker>

/**
 * Works until it is stopped. Then items in flight have ten seconds to end; those that have not ended are given back.
 *
 * @since 0.1.0
 * @category running
 */
export const worker = (given: Given) =>
  Effect.gen(function* () {
    const opened = yield* Opened.open(given)
    const { cluster, where } = yield* Opened.clustered(opened)
    yield* Effect.gen(function* () {
      // It may come before the batch does.
      const name = Option.isSome(given.name) ? given.name.value : yield* Opened.one(given)
      const plan = yield* Plan.stored(name)
      const whom = yield* whomOf(given, plan)
      const rate = Option.getOrElse(given.rate, () => plan?.rate ?? null)
      const concurrency = Option.getOrElse(given.concurrency, () => plan?.concurrency ?? 10)
      const address = Option.getOrElse(given.at, () => ({}))

      const { err } = yield* Screen
      const say = (text: string) => err(printable(text))
      const { batch } = yield* Work.make(name, { rate: null, whom }, false)
      const joined = Layer.mapError(cluster.joining(where, address), ({ message }) => noAnswer(message))
      const works = Layer.unwrapEffect(
        Effect.map(together(batch, rate), (batch) =>
          Cluster.worker([batch], { concurrency, onLeft: (_, what) => (left = farewell(name, what)) })
        )
      )
      let left = `left ${JSON.stringify(name)}: nothing was in flight`
      yield* Effect.addFinalizer(() => Effect.sync(() => say(left)))
      yield* Layer.build(Layer.provide(works, joined))
      const { expect } = yield* Signals
      expect(() => say("leaving; once more ends it at once"))
      const pace = rate === null ? "" : `, ${Words.number(rate.limit)} in ${Duration.format(rate.per)} with all others`
      say(`works at ${JSON.stringify(name)}: ${Words.number(concurrency)} items at once${pace}. Ctrl-C leaves it`)
      return yield* Effect.never
    }).pipe(Opened.withLedger(opened))
  })

const whomOf = ({ http, module }: Given, plan: Plan.Plan | undefined) => {
  if (Option.isSome(http) && Option.isSome(module))
    return badInput("--http and --module are two ways to run an item; give one")
  if (Option.isSome(module)) return Effect.succeed<Plan.Whom>({ kind: "module", file: resolve(module.value) })
  if (Option.isSome(http)) return Effect.succeed<Plan.Whom>({ kind: "http", url: http.value, headers: {} })
  return plan === undefined
    ? badInput("who runs the items? give --http or --module, or begin the batch first: it says so")
    : Effect.succeed(plan.whom)
}

/** Holds a batch to a rate that all workers keep together. */
const together = (batch: Work.Work["batch"], rate: Plan.Plan["rate"]) =>
  Effect.gen(function* () {
    if (rate === null) return batch
    const limit = yield* RateLimit.shared({ name: `batch ${batch.name}`, rule: RateLimit.tokenBucket(rate) })
    const run = (item: unknown) =>
      Effect.flatMap(Asking, (asking) =>
        // Errors go by the name of the batch.
        Effect.provideService(RateLimit.with(limit)(batch.run(item)), Asking, { ...asking, name: batch.name })
      ).pipe(
        // The call was not made; the item is not to blame.
        Effect.retry({
          while: (error) => error instanceof RateLimit.StoreUnavailable,
          // By their number: a schedule that ends after a time goes by the wall clock, which may jump.
          times: 60,
          schedule: Schedule.spaced(500)
        })
      )
    return Batch.make(batch.name, { ...batch, run })
  })

const farewell = (name: string, { finished, givenBack }: { readonly finished: number; readonly givenBack: number }) =>
  `left ${JSON.stringify(name)}: ${Words.items(finished)} in flight finished, ${Words.items(givenBack)} given back`
