/**
 * `muster explain`: plays recorded aggregations under other settings.
 *
 * @since 0.1.0
 */
import { Command, HelpDoc } from "@effect/cli"
import { Effect, Option } from "effect"
import * as Options from "../Options.ts"
import type { Observations } from "../Testkit/WhatIf.ts"
import { unknown } from "./Arguments.ts"
import { toJson } from "./Explain/Json.ts"
import * as Reading from "./Explain/Reading.ts"
import { toPage } from "./Explain/Report.ts"
import * as Settings from "./Explain/Settings.ts"
import * as Table from "./Explain/Table.ts"
import { badInput, type Failed } from "./Failed.ts"
import * as Flags from "./Flags.ts"
import * as Recorded from "./Recorded.ts"
import * as Reported from "./Reported.ts"
import { printable, Screen } from "./Screen.ts"

const defaultWanted = 0.99

/**
 * The flags of the command.
 *
 * @since 0.1.0
 * @category flags
 */
export const flags = {
  deadline: Flags.list("deadline", {
    kind: "duration",
    about: "tries this deadline",
    expected: Options.expectedDuration,
    parse: Settings.parseDeadline
  }),
  optional: Flags.list("optional", {
    kind: "source",
    about: "tries to do without this source",
    expected: "the name of a source",
    parse: (text) => (text === "" ? undefined : text)
  }),
  hedge: Flags.list("hedge", {
    kind: "source@delay",
    about: "tries a second call after its p95 (profile@p95) or a time (profile@200ms)",
    expected: `a source and a percentile between p0 and p100, or a time, like "profile@p95" or "profile@200ms"`,
    parse: Settings.parseHedge
  }),
  hedgeBudget: Flags.parsed("hedge-budget", {
    kind: "share",
    about: "the share of the calls that may be second ones; default 5%, as in Hedge",
    expected: `a share of more than 0% up to 100%, like "10%" or "0.1"`,
    parse: Flags.parseShare
  }),
  confidence: Flags.parsed("confidence", {
    kind: "share",
    about: "how sure the intervals are: 90%, 95%, 99% or 99.9%; default 95%",
    expected: "90%, 95%, 99% or 99.9%",
    parse: Settings.parseConfidence
  }),
  wanted: Flags.parsed("wanted", {
    kind: "share",
    about: "the share of the answers for which to find the deadline; default 99%",
    expected: `a share between 0% and 100%, like "99%" or "0.99"`,
    parse: Settings.parseShare
  }),
  aggregation: Flags.parsed("aggregation", {
    kind: "name",
    about: "only the aggregations of this name; default: a table for each name",
    expected: "a name",
    parse: (text) => text
  }),
  skipBad: Recorded.skipBad,
  json: Flags.given("json", "prints the same as one line of JSON; times in milliseconds"),
  out: Reported.out("writes a page with a plot instead of the tables to this file")
}

type Given = Command.Command.ParseConfig<typeof flags & typeof Recorded.args>

/**
 * `muster explain FILE`. Prints what to expect of each setting.
 *
 * @since 0.1.0
 * @category commands
 */
export const command = Command.make("explain", { ...flags, ...Recorded.args }, (given) => run(given)).pipe(
  Command.withDescription(
    HelpDoc.blocks(
      [
        "Plays recorded receipts again: what if the deadline were shorter?",
        "",
        "Tries what was recorded, each setting that a flag names, and all of them together, once",
        "for each deadline. A flag with ... may be given again, or hold a list with commas.",
        "",
        "A call that was cut off counts as one that takes longer; a second call takes as long as",
        "the calls of its source do at that time, and is only made where the budget of the hedge",
        "allows it. It plays gather, collect and stream."
      ].map((line) => HelpDoc.p(line))
    )
  )
)

const run = (given: Given): Effect.Effect<void, Failed, Screen> =>
  Effect.gen(function* () {
    if (given.json && Option.isSome(given.out))
      return yield* badInput("--json prints what --out writes as a page; leave one of them out")
    const asked = {
      deadlines: given.deadline,
      optional: given.optional,
      hedges: given.hedge,
      budget: Option.getOrElse(given.hedgeBudget, () => Settings.defaultBudget)
    }
    if (Option.isSome(given.hedgeBudget) && given.hedge.length === 0)
      return yield* badInput("--hedge-budget is of no use without --hedge")
    const many = Settings.howMany(asked)
    if (many > Settings.most) return yield* badInput(`that makes ${many} settings; at most ${Settings.most} are tried`)
    const aggregation = Option.getOrUndefined(given.aggregation)
    const confidence = Option.getOrElse(given.confidence, () => 0.95 as const)
    const read = yield* Reading.read({ file: given.file, aggregation, skipBad: given.skipBad, confidence })
    yield* checkSources(asked, read)
    const wanted = Option.getOrElse(given.wanted, () => defaultWanted)
    const explained = Array.from(read.aggregations, ([name, observations]) =>
      explain(name, observations, asked, wanted)
    )
    const { out } = yield* Screen
    if (given.json) return out(JSON.stringify(toJson(read, explained)))
    if (Option.isSome(given.out)) {
      yield* Reported.write(given.out.value, toPage(explained, given.file === "-" ? "stdin" : given.file))
      const count = explained.reduce((sum, { tried }) => sum + tried.length, 0)
      out(`${given.out.value} shows ${Table.counted(count, "setting")} of ${Recorded.nameOf(given.file)}`)
      return notes(read).forEach(out)
    }
    explained.flatMap((one, index) => [...(index > 0 ? [""] : []), ...Table.render(one)]).forEach(out)
    notes(read).forEach(out)
  })

const explain = (
  aggregation: string,
  observations: Observations,
  asked: Settings.Asked,
  wanted: number
): Table.Explained => {
  const { candidates, leftOut } = Settings.candidates(asked, observations)
  const tried = candidates.map(({ label, setting }) => ({
    label,
    setting,
    estimate: observations.estimate(setting),
    needs: observations.deadlinesFor(wanted, setting)
  }))
  return { aggregation, observations, tried, wanted, leftOut }
}

/** What is asked for must be there in one of the aggregations. */
const checkSources = (
  { hedges, optional }: Settings.Asked,
  { aggregations }: Reading.Read
): Effect.Effect<void, Failed> => {
  const all = Array.from(aggregations.values())
  const names = Array.from(new Set(all.flatMap(({ sources }) => sources)))
  const missing = [...optional, ...hedges.map(({ source }) => source)].find((name) => !names.includes(name))
  if (missing !== undefined) {
    const more = names.length > 20 ? `, and ${names.length - 20} more` : ""
    return unknown("source", missing, names, `there are: ${names.slice(0, 20).join(", ")}${more}`)
  }
  for (const hedge of hedges) {
    const reasons = all
      .filter(({ sources }) => sources.includes(hedge.source))
      .map((one) => Settings.whyNot(hedge, one))
    if (!reasons.includes(undefined)) return badInput(`--hedge ${hedge.text}: ${reasons[0]}`)
  }
  return Effect.void
}

const notes = ({ firstSkipped, leftOut, skipped }: Reading.Read): ReadonlyArray<string> => {
  const others = Array.from(leftOut.values()).reduce((sum, number) => sum + number, 0)
  return [
    ...(skipped > 0 ? [`skipped: ${Table.counted(skipped, "line")}; the first is ${firstSkipped}`] : []),
    ...(others > 0 ? [`left out: ${Table.counted(others, "receipt")} ${Reading.ofPolicies(leftOut)}`] : [])
  ].map(printable)
}
