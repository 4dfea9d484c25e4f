/** Every policy over every schedule: the same suite short in `npm test` and long in `npm run proof`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Gather from "../../src/Gather.ts"
import * as Group from "../../src/Group.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import type { Sources } from "../../src/Testkit/Schedule.ts"

const ends = (name: string) =>
  [{ succeed: `${name} value` }, { fail: `${name} failed` }, { die: `${name} died` }, "hang"] as const
const behaviours = (name: string) => ({
  ends: ends(name),
  after: [0, 10, 20, 30],
  cleanup: [0, 15],
  uninterruptible: [false, true]
})
const sources = { a: behaviours("a"), b: behaviours("b"), c: behaviours("c") }
type Three = Sources<typeof sources>

/** How each policy is called, for the same three sources. */
const programs = {
  failFast: (three: Three, options: Gather.Options) => Gather.failFast(three, options),
  collect: (three: Three, options: Gather.Options) => Gather.collect(three, options),
  quorum: (three: Three, options: Gather.Options) => Gather.quorum(three, 2, options),
  first: (three: Three, options: Gather.Options) => Gather.first(three, options),
  stream: (three: Three, options: Gather.Options) => Stream.runCollect(Gather.stream(three, options)),
  forEach: ({ a, b, c }: Three, options: Gather.Options) =>
    Gather.forEach([["a", a] as const, ["b", b] as const, ["c", c] as const], ([, source]) => source, {
      ...options,
      id: ([name]) => name
    }),
  "forEach over a stream": ({ a, b, c }: Three, options: Gather.Options) =>
    Gather.forEach(Stream.make(["a", a] as const, ["b", b] as const, ["c", c] as const), ([, source]) => source, {
      ...options,
      id: ([name]) => name
    }),
  collectEach: ({ a, b, c }: Three, options: Gather.Options) =>
    Gather.collectEach([["a", a] as const, ["b", b] as const, ["c", c] as const], ([, source]) => source, {
      ...options,
      id: ([name]) => name
    }),
  group: ({ a, b, c }: Three, { concurrency, deadline }: Gather.Options) =>
    Effect.scoped(
      Effect.gen(function* () {
        const limit = typeof concurrency === "number" ? concurrency : undefined
        const group = yield* Group.make<string>({ limit, deadline })
        yield* group.go(a, { name: "a" })
        yield* group.go(b, { name: "b" })
        yield* group.go(c, { name: "c" })
        yield* group.wait
      })
    ),
  "Aggregator.gather": (three: Three, options: Gather.Options) =>
    Aggregator.gather("explored", { a: three.a, b: Source.optional(three.b), c: three.c }, options),
  "Aggregator.collect": (three: Three, options: Gather.Options) => Aggregator.collect("explored", three, options),
  "Aggregator.quorum": (three: Three, options: Gather.Options) => Aggregator.quorum("explored", three, 2, options)
}

const policyOf = {
  failFast: "failFast",
  forEach: "failFast",
  "forEach over a stream": "failFast",
  "Aggregator.gather": "failFast",
  collect: "collect",
  collectEach: "collect",
  "Aggregator.collect": "collect",
  quorum: "quorum",
  "Aggregator.quorum": "quorum",
  first: "first",
  stream: "stream",
  group: "group"
} as const satisfies Record<keyof typeof programs, Testkit.Rules["policy"]>

export const suite = (schedules: number) =>
  describe(`over ${schedules} schedules each`, () => {
    for (const [name, program] of Object.entries(programs)) {
      for (const options of [{}, { deadline: 20 }, { concurrency: 2, deadline: 35 }]) {
        it.effect(
          `${name} answers as the model says, and leaves nothing behind, with ${JSON.stringify(options)}`,
          () =>
            Effect.gen(function* () {
              const policy = policyOf[name as keyof typeof programs]
              const optional = name === "Aggregator.gather" ? ["b"] : []
              const report = yield* Testkit.explore(
                (three) => program(three, options) as Effect.Effect<unknown, unknown, Aggregator>,
                {
                  sources,
                  rules: {
                    policy,
                    k: 2,
                    optional,
                    pulled: name === "group" || name === "forEach over a stream",
                    ...options
                  },
                  schedules: Math.ceil(schedules / 3)
                }
              )

              assert.strictEqual(report.schedules, Math.ceil(schedules / 3))
            }),
          600_000
        )
      }
    }
  })
