/** What is predicted from a recorded load, and what then happens when it is run with that setting. */
import { Effect } from "effect"
import type { Receipt } from "../../../src/Receipt.ts"
import * as Breaker from "../../../src/Resilience/Breaker.ts"
import * as Budget from "../../../src/Resilience/Budget.ts"
import * as Hedge from "../../../src/Resilience/Hedge.ts"
import * as Retry from "../../../src/Resilience/Retry.ts"
import { type Estimate, Observations, type Setting } from "../../../src/Testkit/WhatIf.ts"
import { exponential, run, type Running, type World } from "./World.ts"

/** The profile is fast; of the recommendations 5 % take 800 ms and more, and 4.5 % fail. */
export const steady: World = {
  seed: 5,
  count: 4_000,
  gap: 20,
  sources: {
    profile: (draw) => ({ took: draw() < 0.02 ? 300 + 400 * draw() : 10 + exponential(draw, 20) }),
    recs: (draw) => {
      const took = draw() < 0.05 ? 800 + 400 * draw() : 20 + exponential(draw, 20)
      return { took, error: draw() < 0.045 ? "SourceUnavailable" : undefined }
    }
  }
}

/** The same, but all recommendations fail for 5 seconds, and then all of them take 400 ms for 5 seconds. */
export const troubled: World = {
  ...steady,
  seed: 6,
  sources: {
    ...steady.sources,
    recs: (draw, now) => {
      const usual = steady.sources["recs"]!(draw, now)
      if (now >= 20_000 && now < 25_000) return { took: 5, error: "SourceUnavailable" }
      return now >= 50_000 && now < 55_000 ? { took: 400 + usual.took } : usual
    }
  }
}

type Guard = NonNullable<Running["guards"]>[string]

/** The guard of a source: its hedge, and what stands around it anyway. */
const guarded = (hedge: NonNullable<Setting["hedges"]>[string] | undefined, isGuarded: boolean): Guard => {
  const { after, budget = Hedge.defaultBudget } = typeof hedge === "object" ? hedge : { after: hedge ?? Infinity }
  const options = { budget: Budget.make(budget) }
  const hedged =
    hedge === undefined
      ? Hedge.none
      : typeof after === "number"
        ? Hedge.after(after, options)
        : Hedge.percentile(after.percentile, options)
  if (!isGuarded) return hedged
  const breaker = Breaker.make({ openFor: "1 second" })
  const retry = Retry.make({ attempts: 2 })
  return (call) => call.pipe(Breaker.with(breaker), hedged, retry) as Effect.Effect<never, unknown>
}

/** The load with this setting; where it is guarded, the recommendations have a breaker and a retry besides. */
export const play = (world: World, { deadline = 500, hedges = {}, optional }: Setting, isGuarded = false) =>
  run(world, {
    deadline,
    optional: optional ?? [],
    guards: {
      profile: guarded(hedges["profile"], false),
      recs: guarded(hedges["recs"], isGuarded && "recs" in world.sources)
    }
  })

/** The share of the answers that are complete, and second calls as a share of the aggregations that ask a source. */
export const measured = (receipts: ReadonlyArray<Receipt>, source: string) => {
  const complete = receipts.filter(({ outcome }) => outcome === "succeeded").length
  const hedges = receipts.flatMap(({ sources }) =>
    sources.flatMap(({ guards, name }) =>
      name === source ? (guards?.attempts ?? []).filter(({ kind }) => kind === "hedge") : []
    )
  )
  return { complete: complete / receipts.length, extraLoad: hedges.length / receipts.length }
}

export const observed = (receipts: ReadonlyArray<Receipt>) => {
  const observations = new Observations(1, 0.99)
  receipts.forEach((receipt) => observations.add(receipt))
  return observations
}

export const holds = ({ complete: { high, low } }: Estimate, share: number) => low <= share && share <= high
