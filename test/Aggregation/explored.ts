import { Effect, Option } from "effect"
import * as Graph from "../../src/Aggregation/Graph.ts"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Testkit from "../../src/Testkit.ts"

const ends = (name: string) => [{ succeed: name }, { fail: `${name} failed` }, "hang"] as const
const behaviours = (name: string) => ({ ends: ends(name), after: [0, 10], cleanup: [0] })

/** A chain of three, the middle one optional, and a fourth beside it, under a deadline of 25 ms. */
export const explored = (schedules: number) =>
  Testkit.explore(
    ({ a, b, beside, c }) => {
      const graph = Graph.make()
        .source("a", { ask: () => a })
        .source("b", { after: ["a"], policy: "optional", ask: () => b })
        .source("c", { after: ["a", "b"], ask: ({ b }) => Effect.zipRight(c, Effect.succeed(Option.getOrNull(b))) })
        .source("beside", { ask: () => beside })
      return Aggregator.gather("graph", graph(), { deadline: 25 })
    },
    {
      sources: {
        a: { ...behaviours("a"), cleanup: [0, 50] },
        b: behaviours("b"),
        c: behaviours("c"),
        beside: { ends: ends("beside"), after: [0, 20] }
      },
      schedules,
      invariants: [{ name: "as the plan says", check: unplanned }]
    }
  )

/** The same plan by hand: when the answer leaves, and with what. */
const unplanned = ({ elapsed, exit, schedule, seen }: Testkit.Explored): string | undefined => {
  const { a, b, beside, c } = schedule.sources as Record<
    "a" | "b" | "beside" | "c",
    Testkit.Schedule["sources"][string]
  >
  const time = (one: typeof a) => (one.ends === "hang" ? Infinity : one.after)
  const fails = (one: typeof a) => one.ends !== "hang" && "fail" in one.ends
  const aEnds = time(a)
  const bEnds = fails(a) ? Infinity : aEnds + time(b)
  const cEnds = bEnds + time(c)
  const failures = [
    [fails(a), aEnds, "a failed"],
    [fails(c), cEnds, "c failed"],
    [fails(beside), time(beside), "beside failed"]
  ].flatMap(([failed, at, error]) => (failed === true && Number(at) < 25 ? [{ at: Number(at), error }] : []))
  const failed = Math.min(...failures.map(({ at }) => at))
  const done = Math.max(cEnds, time(beside))
  const at = Math.min(failed, done, 25)
  if (elapsed !== at) return `it left at ${elapsed}, not at ${at}`
  if (exit._tag === "None") return "it did not end"
  const text = JSON.stringify(exit.value)
  if (failed <= at)
    return failures.some((one) => one.at === at && text.includes(`"error":"${one.error}"`))
      ? undefined
      : `it was ${text}`
  if (done > 25) return text.includes("DeadlineExceeded") ? undefined : `it was ${text}`
  const askedAt = [seen["b"]?.asked[0], seen["c"]?.asked[0]]
  if (askedAt[0] !== aEnds || askedAt[1] !== bEnds) return `they were asked at ${askedAt}`
  return text.includes(`"c":${fails(b) ? "null" : `"b"`}`) ? undefined : `it was ${text}`
}
