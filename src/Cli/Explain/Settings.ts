/**
 * Which settings to try, made from the flags.
 *
 * @since 0.1.0
 */
import * as Options from "../../Options.ts"
import type { Observations, Setting } from "../../Testkit/WhatIf.ts"
import { time } from "./Table.ts"

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
}

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
  const share = /^\d+(?:\.\d+)?%$/.test(text)
    ? Number(text.slice(0, -1)) / 100
    : /^0?\.\d+$/.test(text)
      ? Number(text)
      : 0
  return share > 0 && share < 1 ? share : undefined
}

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
export const howMany = ({ deadlines, hedges, optional }: Asked): number => {
  const ways = Array.from(bySource(hedges).values(), (ways) => ways.length)
  const combined = [deadlines.length || 1, ...ways].reduce((a, b) => a * b)
  return deadlines.length + optional.length + hedges.length + combined
}

/**
 * The settings to try on one aggregation: as recorded, each of those asked for alone, and all together. What names a
 * source that this aggregation does not have, or a percentile of one that never succeeded, is left out.
 *
 * All together is one setting, or one for each deadline; a source that is hedged in several ways has one for each.
 *
 * @since 0.1.0
 * @category constructors
 */
export const candidates = (
  { deadlines, hedges, optional }: Asked,
  observations: Observations
): { readonly candidates: ReadonlyArray<Candidate>; readonly leftOut: ReadonlyArray<string> } => {
  const names = new Set(observations.sources)
  const delays = new Map(hedges.map((hedge) => [hedge, delayOf(hedge, observations)]))
  const some = {
    deadlines: deadlines.map(({ millis, text }) => ({ label: `deadline ${text}`, setting: { deadline: millis } })),
    optional: optional.filter((name) => names.has(name)),
    hedges: hedges.flatMap((hedge) => {
      const delay = delays.get(hedge)
      return names.has(hedge.source) && delay !== undefined ? [hedged(hedge, delay)] : []
    })
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
      ...hedges.filter(({ source }) => !names.has(source)).map(({ text }) => `hedge ${text}: it has no such source`),
      ...hedges
        .filter((hedge) => names.has(hedge.source) && delays.get(hedge) === undefined)
        .map(({ source, text }) => `hedge ${text}: ${source} never succeeded`)
    ]
  }
}

interface Hedged extends Candidate {
  readonly source: string
}

const hedged = ({ after, source, text }: Hedge, delay: number): Hedged => ({
  source,
  label: `hedge ${text}${"share" in after ? ` (${time(delay)})` : ""}`,
  setting: { hedges: Object.fromEntries([[source, delay]]) }
})

/**
 * When the second call is sent, in milliseconds; `undefined` when the source has no percentiles, as it never succeeded.
 *
 * @since 0.1.0
 * @category getters
 */
export const delayOf = ({ after, source }: Hedge, observations: Observations): number | undefined =>
  "share" in after ? observations.percentile(source, after.share) : after.millis

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
