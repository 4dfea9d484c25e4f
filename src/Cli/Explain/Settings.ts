/**
 * Which settings to try, made from the flags.
 *
 * @since 0.1.0
 */
import * as Options from "../../Options.ts"
import * as Flags from "../Flags.ts"
import { defaultBudget as DefaultBudget } from "../../Resilience/Hedge.ts"
import type { Confidence, Observations, Setting } from "../../Testkit/WhatIf.ts"
import { percent, time } from "./Table.ts"

/**
 * A deadline as it was typed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Deadline {
  readonly text: string
  readonly millis: number
}

/**
 * A hedge as it was typed: the second call is sent after a time, or after a percentile of the source's own times.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hedge {
  readonly text: string
  readonly source: string
  readonly after: { readonly millis: number } | { readonly share: number }
}

/**
 * What the flags ask for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Asked {
  readonly deadlines: ReadonlyArray<Deadline>
  readonly optional: ReadonlyArray<string>
  readonly hedges: ReadonlyArray<Hedge>
  /** The share of the calls that may be second ones. */
  readonly budget: number
}

/**
 * The share of the calls that may be second ones where none is named: that of `Hedge`.
 *
 * @since 0.1.0
 * @category models
 */
export const defaultBudget: number = DefaultBudget.ratio

/**
 * A setting with the name that it has in the table.
 *
 * @since 0.1.0
 * @category models
 */
export interface Candidate {
  readonly label: string
  readonly setting: Setting
}

/**
 * Reads `500ms`.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseDeadline = (text: string): Deadline | undefined => {
  const millis = Options.parseDuration(text)
  return millis === undefined ? undefined : { text, millis }
}

/**
 * Reads `profile@p95` and `profile@200ms`. What stands before the last `@` is the source.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseHedge = (text: string): Hedge | undefined => {
  const at = text.lastIndexOf("@")
  const [source, delay] = [text.slice(0, at), text.slice(at + 1)]
  if (at < 1) return undefined
  const percentile = /^p(\d+(?:\.\d+)?)$/.exec(delay)
  if (percentile !== null) {
    const share = Number(percentile[1]) / 100
    return share > 0 && share < 1 ? { text, source, after: { share } } : undefined
  }
  const millis = Options.parseDuration(delay)
  return millis === undefined ? undefined : { text, source, after: { millis } }
}

/**
 * Reads `99%` and `0.99`; nothing and everything are no shares to wish for.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseShare = (text: string): number | undefined => {
  const share = Flags.parseShare(text)
  return share === 1 ? undefined : share
}

/**
 * Reads `99%` and `0.99`, of those that there are.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseConfidence = (text: string): Confidence | undefined =>
  ([0.9, 0.95, 0.99, 0.999] as const).find((one) => one === parseShare(text))

/**
 * How many settings are tried at once at most.
 *
 * @since 0.1.0
 * @category models
 */
export const most = 100

/**
 * How many settings that makes, besides the one recorded.
 *
 * @since 0.1.0
 * @category getters
 */
export const howMany = ({ deadlines, hedges, optional }: Pick<Asked, "deadlines" | "hedges" | "optional">): number => {
  const ways = Array.from(bySource(hedges).values(), (ways) => ways.length)
  const combined = [deadlines.length || 1, ...ways].reduce((a, b) => a * b)
  return deadlines.length + optional.length + hedges.length + combined
}

/**
 * The settings to try on one aggregation: as recorded, each of those asked for alone, and all together. What names a
 * source that this aggregation does not have, or a hedge that cannot be played, is left out.
 *
 * All together is one setting, or one for each deadline; a source that is hedged in several ways has one for each.
 *
 * @since 0.1.0
 * @category constructors
 */
export const candidates = (
  { budget, deadlines, hedges, optional }: Asked,
  observations: Observations
): { readonly candidates: ReadonlyArray<Candidate>; readonly leftOut: ReadonlyArray<string> } => {
  const names = new Set(observations.sources)
  const tried = hedges.filter((hedge) => whyNot(hedge, observations) === undefined)
  const some = {
    deadlines: deadlines.map(({ millis, text }) => ({ label: `deadline ${text}`, setting: { deadline: millis } })),
    optional: optional.filter((name) => names.has(name)),
    hedges: tried.map((hedge) => hedged(hedge, observations, budget))
  }
  return {
    candidates: [
      { label: "as recorded", setting: {} },
      ...some.deadlines,
      ...some.optional.map((name) => ({ label: `optional ${name}`, setting: { optional: [name] } })),
      ...some.hedges,
      ...together(some)
    ],
    leftOut: [
      ...optional.filter((name) => !names.has(name)).map((name) => `optional ${name}: it has no such source`),
      ...hedges.flatMap((hedge) => {
        const why = whyNot(hedge, observations)
        return why === undefined ? [] : [`hedge ${hedge.text}: ${why}`]
      })
    ]
  }
}

/** More of its calls than this wait for a place or a turn: then second calls would make them wait longer. */
const mostLimited = 0.01

/**
 * Why a hedge cannot be played on this aggregation.
 *
 * @since 0.1.0
 * @category getters
 */
export const whyNot = ({ after, source }: Hedge, observations: Observations): string | undefined => {
  if (!observations.sources.includes(source)) return "it has no such source"
  if ("share" in after && observations.percentile(source, after.share) === undefined)
    return `${source} never succeeded in the recording, and has no percentiles`
  const { limited } = observations.guarded(source)
  if (limited <= mostLimited) return undefined
  const calls = `${percent(limited)}% of the calls of ${source}`
  return `its bulkhead or rate limit let ${calls} wait, or refused them; second calls would need places and turns too, and receipts do not say how many there are: record with the hedge to know`
}

interface Hedged extends Candidate {
  readonly source: string
}

const hedged = ({ after, source, text }: Hedge, observations: Observations, ratio: number): Hedged => {
  const isDefault = ratio === DefaultBudget.ratio
  const about = "share" in after ? ` (${time(observations.percentile(source, after.share)!)})` : ""
  return {
    source,
    label: `hedge ${text}${about}${isDefault ? "" : `, budget ${percent(ratio)}%`}`,
    setting: {
      hedges: Object.fromEntries([
        [
          source,
          {
            after: "share" in after ? { percentile: after.share } : after.millis,
            budget: { ratio, burst: DefaultBudget.burst }
          }
        ]
      ])
    }
  }
}

const together = ({
  deadlines,
  hedges,
  optional
}: {
  readonly deadlines: ReadonlyArray<Candidate>
  readonly optional: ReadonlyArray<string>
  readonly hedges: ReadonlyArray<Hedged>
}): ReadonlyArray<Candidate> => {
  const alternatives = [deadlines, ...bySource(hedges).values()].filter((choices) => choices.length > 0)
  if (alternatives.length + optional.length < 2) return []
  const all = alternatives.reduce<ReadonlyArray<Candidate>>(
    (all, choices) => all.flatMap((candidate) => choices.map((choice) => both(candidate, choice, choices.length > 1))),
    [{ label: "", setting: { optional } }]
  )
  return all.map(({ label, setting }) => ({ label: `all together${label}`, setting }))
}

/** The label tells apart what differs from one to the next. */
const both = (a: Candidate, b: Candidate, differs: boolean): Candidate => ({
  label: differs ? `${a.label}, ${b.label}` : a.label,
  setting: { ...a.setting, ...b.setting, hedges: { ...a.setting.hedges, ...b.setting.hedges } }
})

const bySource = <A extends { readonly source: string }>(all: ReadonlyArray<A>): ReadonlyMap<string, Array<A>> => {
  const found = new Map<string, Array<A>>()
  for (const one of all) found.set(one.source, [...(found.get(one.source) ?? []), one])
  return found
}
