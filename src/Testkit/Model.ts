/**
 * What each policy must answer, written from the design and not from the code: the explorer compares the two.
 *
 * It plays a schedule event by event. Where several events fall into one instant, it follows every order, and so gives
 * all answers that are allowed.
 *
 * @since 0.1.0
 */
import type { Behaviour, Ending, Schedule } from "./Schedule.ts"

/**
 * The rules an answer follows.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rules {
  /** `group` answers with nothing; `stream` with outcomes in order of arrival. */
  readonly policy: "failFast" | "collect" | "quorum" | "first" | "stream" | "group"
  /** How many successes a quorum needs. */
  readonly k?: number | undefined
  /** Milliseconds. */
  readonly deadline?: number | undefined
  readonly concurrency?: number | undefined
  /** Sources come to be known only when there is room for them: they are pulled from a stream, or started by a loop. */
  readonly pulled?: boolean | undefined
  /** Sources that may be missing; they stand in the answer as options. */
  readonly optional?: ReadonlyArray<string> | undefined
}

/**
 * What an answer says.
 *
 * @since 0.1.0
 * @category models
 */
export type Told =
  | { readonly tag: "values"; readonly values: Readonly<Record<string, unknown>> }
  | { readonly tag: "outcomes"; readonly outcomes: ReadonlyArray<readonly [name: string, outcome: string]> }
  | { readonly tag: "done" | "not-reached" | "never" }
  | { readonly tag: "failed"; readonly error: unknown }
  | { readonly tag: "died"; readonly source: string }
  | { readonly tag: "deadline"; readonly pending: ReadonlyArray<string> }

/**
 * An answer and when it leaves, in milliseconds: `never` at `Infinity`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer {
  readonly at: number
  readonly told: Told
}

interface State {
  readonly now: number
  /** How many have been asked, in input order. */
  readonly asked: number
  readonly running: ReadonlyArray<{ readonly source: number; readonly ends: number }>
  /** In order of arrival. */
  readonly ended: ReadonlyArray<number>
}

/**
 * All answers that the rules allow for a schedule.
 *
 * @since 0.1.0
 * @category models
 */
export const answers = (rules: Rules, schedule: Schedule): ReadonlyArray<Answer> => {
  const sources = Object.entries(schedule.sources)
  const deadline = rules.deadline ?? Infinity
  const limit = rules.concurrency ?? Infinity
  const found: Array<Answer> = []

  const fill = (state: State): State => {
    let { asked } = state
    const running = [...state.running]
    while (asked < sources.length && running.length < limit) {
      const [, behaviour] = sources[asked]!
      running.push({ source: asked++, ends: state.now + duration(behaviour) })
    }
    return { ...state, asked, running }
  }

  const play = (before: State): void => {
    const decided = decide(rules, sources, before)
    if (decided !== undefined) return void found.push({ at: before.now, told: decided })
    const state = fill(before)
    const now = Math.min(deadline, ...state.running.map((one) => one.ends))
    if (now === Infinity) return void found.push({ at: Infinity, told: { tag: "never" } })
    for (const one of state.running) {
      if (one.ends !== now) continue
      const running = state.running.filter((other) => other !== one)
      play({ ...state, now, running, ended: [...state.ended, one.source] })
    }
    if (now === deadline) found.push({ at: now, told: late(rules, sources, state) })
  }

  play({ now: 0, asked: 0, running: [], ended: [] })
  return found
}

type Named = ReadonlyArray<readonly [name: string, behaviour: Behaviour]>

const duration = ({ after, ends }: Behaviour) => (ends === "hang" ? Infinity : after)

const succeeded = (ends: Ending): ends is { readonly succeed: unknown } => ends !== "hang" && "succeed" in ends

/** The answer that the last event has decided, if it has. */
const decide = (rules: Rules, sources: Named, { ended }: State): Told | undefined => {
  const all = ended.length === sources.length
  const last = ended.length === 0 ? undefined : sources[ended.at(-1)!]
  switch (rules.policy) {
    case "failFast":
    case "group": {
      const failed = last && failure(rules, last)
      return failed ?? (all ? complete(rules, sources, ended) : undefined)
    }
    case "collect":
    case "stream":
      return all ? outcomes(rules, sources, ended) : undefined
    case "quorum":
    case "first": {
      const k = rules.policy === "first" ? 1 : (rules.k ?? 1)
      const winners = ended.filter((source) => succeeded(sources[source]![1].ends))
      if (winners.length === k) return winning(rules, sources, winners)
      return sources.length - (ended.length - winners.length) < k ? { tag: "not-reached" } : undefined
    }
  }
}

/** What the failure of a source means for an answer that needs it. */
const failure = (rules: Rules, [name, { ends }]: Named[number]): Told | undefined => {
  if (ends === "hang" || succeeded(ends)) return undefined
  if ("die" in ends) return { tag: "died", source: name }
  return rules.optional?.includes(name) ? undefined : { tag: "failed", error: ends.fail }
}

const complete = (rules: Rules, sources: Named, ended: ReadonlyArray<number>): Told =>
  rules.policy === "group" ? { tag: "done" } : values(rules, sources, ended)

/** Values by name in input order; of optional sources also that they are missing. */
const values = (rules: Rules, sources: Named, ended: ReadonlyArray<number>): Told => {
  const present: Record<string, unknown> = {}
  sources.forEach(([name, { ends }], source) => {
    const here = ended.includes(source) && succeeded(ends)
    if (rules.optional?.includes(name)) present[name] = here ? { some: ends.succeed } : "none"
    else if (here) present[name] = ends.succeed
  })
  return { tag: "values", values: present }
}

/** The winners of a quorum by name in input order; the value of the first. */
const winning = (rules: Rules, sources: Named, winners: ReadonlyArray<number>): Told => {
  const all = values({ ...rules, optional: [] }, sources, winners)
  return rules.policy === "first" && all.tag === "values"
    ? { tag: "values", values: { first: Object.values(all.values)[0] } }
    : all
}

const outcomes = (rules: Rules, sources: Named, ended: ReadonlyArray<number>): Told => {
  const told = ended.map((source) => [sources[source]![0], outcome(sources[source]![1].ends)] as const)
  return { tag: "outcomes", outcomes: rules.policy === "stream" ? told : byName(told, sources) }
}

const outcome = (ends: Ending) => (succeeded(ends) ? "succeeded" : "failed")

const byName = (told: ReadonlyArray<readonly [string, string]>, sources: Named) =>
  sources.map(([name]) => told.find(([other]) => other === name) ?? ([name, "not-started"] as const))

/** The deadline strikes. */
const late = (rules: Rules, sources: Named, { asked, ended }: State): Told => {
  const known = rules.pulled ? sources.slice(0, asked) : sources
  const missing = known.flatMap(([name], source) => (ended.includes(source) ? [] : [[name, source] as const]))
  const status = missing.map(([name, source]) => [name, source < asked ? "timed-out" : "not-started"] as const)
  if (rules.policy === "collect" || rules.policy === "stream") {
    const told = ended.map((source) => [sources[source]![0], outcome(sources[source]![1].ends)] as const)
    const all = [...told, ...status]
    return { tag: "outcomes", outcomes: rules.policy === "stream" ? all : byName(all, known) }
  }
  const failed = new Set(ended.filter((source) => !succeeded(sources[source]![1].ends)))
  const pending = missing.filter(([name, source]) => !failed.has(source) && !rules.optional?.includes(name))
  if (rules.policy === "failFast" && pending.length === 0) return values(rules, sources, ended)
  return { tag: "deadline", pending: pending.map(([name]) => name) }
}
