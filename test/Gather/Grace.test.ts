import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Scope } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Service from "../../src/Aggregator/Service.ts"
import * as Gather from "../../src/Gather.ts"
import * as Group from "../../src/Group.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Machine from "../../src/Testkit/Machine.ts"

/** `bad` fails at 10 ms; `slow` takes a second to clean up. */
const sources = () => ({ bad: Testkit.fails("no", { after: 10 }), slow: Testkit.hangs({ cleanup: 1_000 }) })

const inGroup = (options: Group.GroupOptions) =>
  Effect.scoped(
    Effect.gen(function* () {
      const group = yield* Group.make<string>(options)
      for (const [name, task] of Object.entries(sources())) yield* group.go(task, { name })
      yield* group.wait
    })
  )

const programs: Record<string, (options: Gather.Options) => Effect.Effect<unknown, unknown, Aggregator>> = {
  "Gather.failFast": (options) => Gather.failFast(sources(), options),
  "Gather.forEach": (options) => Gather.forEach(Object.values(sources()), (source) => source, options),
  "Aggregator.gather": (options) => Aggregator.gather("test", sources(), options),
  Group: ({ deadline, grace }) => inGroup({ deadline, grace })
}

const aggregator = Effect.runSync(
  Effect.flatMap(Scope.make(), (scope) => Scope.extend(Service.make({ logger: Testkit.silent }), scope))
)

/** When the program has returned, if its caller goes away at this instant. */
const returned = (program: Effect.Effect<unknown, unknown, Aggregator>, leaves: number) => {
  const whole = Effect.flatMap(Effect.fork(program), (fiber) =>
    Effect.raceFirst(
      Effect.exit(Fiber.join(fiber)),
      Effect.delay(
        Effect.suspend(() => Fiber.interrupt(fiber)),
        leaves
      )
    )
  )
  const provided = Effect.provideService(whole, Aggregator, aggregator)
  return Machine.run(provided).elapsed
}

describe("the grace", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(`of ${name} is one budget, which an interruption does not begin anew`, () => {
      // It fails at 10 ms, and waits for cleanup for 100 ms at most.
      assert.strictEqual(returned(program({ grace: 100 }), 10_000), 110)
      assert.strictEqual(returned(program({ grace: 100 }), 60), 110)
      // Interrupted before it fails, it waits from there.
      assert.strictEqual(returned(program({ grace: 100 }), 5), 105)
    })

    it(`of ${name} ends with the deadline`, () => {
      assert.strictEqual(returned(program({ grace: 100, deadline: 50 }), 10_000), 50)
      assert.strictEqual(returned(program({ grace: 100, deadline: 50 }), 30), 50)
    })
  }
})
