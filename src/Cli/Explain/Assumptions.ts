/**
 * What estimates rest on, and what held them down, in sentences.
 *
 * @since 0.1.0
 */
import { defaultBudget } from "../../Resilience/Hedge.ts"
import type { Observations, SecondCalls } from "../../Testkit/WhatIf.ts"
import type { Tried } from "./Table.ts"

/** What is rarer changes no figure in the tables. */
const worthSaying = 0.005

/**
 * The sentences about the hedges that were tried; none where there is none.
 *
 * @since 0.1.0
 * @category rendering
 */
export const of = (observations: Observations, tried: ReadonlyArray<Tried>): ReadonlyArray<string> => {
  const sources = new Set(tried.flatMap(({ estimate }) => Object.keys(estimate.secondCalls)))
  if (sources.size === 0) return []
  return [
    ...Array.from(sources, (name) => broken(name, observations.guarded(name).broken)).filter((line) => line !== ""),
    ...tried.flatMap((one) => held(one)),
    "hedge: a second call takes as long as the calls of its source around that time do; more load slows no source down"
  ]
}

const broken = (name: string, share: number) =>
  share > 0
    ? `hedge: the breaker of ${name} refused ${about(share)} of its calls, and is taken to open as it did; second calls that fail may open it sooner`
    : ""

const held = ({ estimate, label, setting }: Tried): ReadonlyArray<string> =>
  Object.entries(estimate.secondCalls).flatMap(([name, calls]) => {
    const hedge = setting.hedges?.[name]
    const { ratio } = (typeof hedge === "object" ? hedge.budget : undefined) ?? defaultBudget
    const all = reasons(name, calls, `${Math.round(ratio * 1e4) / 100}%`)
    return all.length === 0 ? [] : [`${label}: ${all.join(", ")}`]
  })

const reasons = (name: string, { fewCalls, unhedged, wanted }: SecondCalls, budget: string): ReadonlyArray<string> => {
  const isWorthSaying = (share: number) => share >= worthSaying && share * wanted >= worthSaying / 10
  const all = (
    [
      [unhedged.budget, `the budget of ${budget} was used up in`],
      [unhedged.deadline, "too little time was left in"],
      [unhedged.once, "a second call was not allowed in"]
    ] as const
  ).filter(([share]) => isWorthSaying(share))
  const slow = all.map(
    ([share, what], index) => `${what} ${about(share)}${index === 0 ? ` of the slow or failed calls of ${name}` : ""}`
  )
  const few = `too few calls of ${name} were seen in the minute before ${about(fewCalls)} of them to tell what is slow`
  return fewCalls >= worthSaying ? [...slow, few] : slow
}

/** A share in per cent, no finer than is worth reading. */
const about = (share: number) => `${Number((share * 100).toFixed(share < 0.1 ? 1 : 0))}%`
