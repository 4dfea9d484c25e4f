/** Random programs, whose receipts must say what the simulation says: short in `npm test`, long in `npm run proof`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FiberRef, HashSet, Scope, Stream } from "effect"
import * as fc from "fast-check"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Service from "../../src/Aggregator/Service.ts"
import * as Gather from "../../src/Gather.ts"
import * as Group from "../../src/Group.ts"
import type { Receipt } from "../../src/Receipt.ts"
import { type Recorder, Started } from "../../src/Receipt/Recorder.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import { byCall } from "../Gather/ByCall.ts"
import { type Program, simulate, type Task, type Told } from "./Simulation.ts"

/** How the policies are asked. */
type Way = "Gather" | "Aggregator" | "by calls"

const most = 5

/** Milliseconds of which no two sums are alike: each has a bit of its own below the part that counts. */
const millis = (bit: number) => fc.integer({ min: 0, max: 4 }).map((base) => base * 2 ** 18 + 2 ** bit)
const maybe = (bit: number) => fc.oneof({ weight: 4, arbitrary: fc.constant(Infinity) }, millis(bit))

const taskOf = (index: number): fc.Arbitrary<Task> =>
  fc.record({
    name: fc.constant(`s${index}`),
    ends: fc.constantFrom("succeed", "succeed", "succeed", "fail", "die", "hang"),
    after: millis(index),
    limit: maybe(most + index),
    optional: fc.boolean(),
    pull: millis(2 * most + index)
  })

/** Items come in more ways than sources do. */
const policies = [
  ...(["failFast", "collect", "stream", "quorum", "first", "group"] as const),
  ...(["forEach", "forEach", "collectEach", "collectEach"] as const)
]

const deadlineOf = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 5, arbitrary: fc.constant(Infinity) },
  { weight: 5, arbitrary: millis(16) }
)

const programs: fc.Arbitrary<Program> = fc
  .constantFrom(0, 1, 2, 3, 3, 4, 4, most, most)
  .chain((count) =>
    fc.record({
      policy: fc.constantFrom(...policies),
      tasks: fc.tuple(...Array.from({ length: count }, (_, index) => taskOf(index))),
      k: fc.integer({ min: 1, max: 4 }),
      concurrency: fc.constantFrom(Infinity, 1, 1, 2, 2, 3),
      deadline: deadlineOf,
      leaves: maybe(17),
      input: fc.option(fc.record({ buffer: fc.integer({ min: 0, max: 2 }), fails: fc.boolean(), pull: millis(15) }), {
        nil: undefined,
        freq: 4
      })
    })
  )
  .map((program): Program => {
    const perItem = program.policy === "forEach" || program.policy === "collectEach"
    return {
      ...program,
      tasks: program.tasks.map((task) => ({ ...task, optional: program.policy === "failFast" && task.optional })),
      input: perItem ? program.input : undefined,
      // A group whose tasks are started by a loop does not know those that come after the caller has left.
      leaves: program.policy === "group" ? Infinity : program.leaves
    }
  })

const never = Effect.async<never>((_resume) => Effect.void)

const sourceOf = ({ after, ends, limit }: Task): Effect.Effect<number, unknown> => {
  const ending = ends === "succeed" ? Effect.succeed(1) : ends === "fail" ? Effect.fail("down") : Effect.die("bug")
  const source = ends === "hang" ? never : Effect.delay(ending, after)
  return limit === Infinity ? source : Source.timeLimit(source, limit)
}

const itemsOf = ({ input, tasks }: Program): Iterable<Task> | Stream.Stream<Task, string> => {
  if (input === undefined) return tasks
  const end = Effect.delay(input.fails ? Effect.fail("torn") : Effect.void, input.pull)
  return Stream.concat(
    Stream.mapEffect(Stream.fromIterable(tasks), (task) => Effect.as(Effect.sleep(task.pull), task)),
    Stream.drain(Stream.fromEffect(end))
  )
}

const asked = (program: Program, way: Way): Effect.Effect<unknown, unknown, Aggregator> => {
  const { concurrency, deadline, input, k, policy, tasks } = program
  const options = {
    ...(concurrency === Infinity ? {} : { concurrency }),
    ...(deadline === Infinity ? {} : { deadline })
  }
  const effect = (task: Task) => (way === "by calls" ? byCall(sourceOf(task)) : sourceOf(task))
  const shape = Object.fromEntries(tasks.map((task) => [task.name, effect(task)]))
  const items = itemsOf(program)
  const each = { ...options, id: (task: Task) => task.name, ...(input === undefined ? {} : { buffer: input.buffer }) }
  const gathered = way === "Gather"
  switch (policy) {
    case "failFast": {
      const sources = Object.fromEntries(
        tasks.map((task) => [task.name, task.optional ? Source.optional(effect(task)) : Source.required(effect(task))])
      )
      const plain = gathered && tasks.every(({ optional }) => !optional)
      return plain ? Gather.failFast(shape, options) : Aggregator.gather("random", sources, options)
    }
    case "collect":
      return gathered ? Gather.collect(shape, options) : Aggregator.collect("random", shape, options)
    case "stream":
      return Stream.runDrain(gathered ? Gather.stream(shape, options) : Aggregator.stream("random", shape, options))
    case "quorum":
      return gathered ? Gather.quorum(shape, k, options) : Aggregator.quorum("random", shape, k, options)
    case "first":
      return gathered ? Gather.first(shape, options) : Aggregator.first("random", shape, options)
    case "forEach":
      return gathered ? Gather.forEach(items, effect, each) : Aggregator.forEach("random", items, effect, each)
    case "collectEach":
      return gathered ? Gather.collectEach(items, effect, each) : Aggregator.collectEach("random", items, effect, each)
    case "group":
      return Effect.scoped(
        Effect.gen(function* () {
          const { concurrency: limit, ...rest } = { concurrency: undefined, ...options }
          const group = yield* Group.make<unknown>({ ...rest, limit })
          for (const task of tasks) yield* group.go(effect(task), { name: task.name })
          yield* group.wait
        })
      )
  }
}

const aggregator = Effect.runSync(
  Effect.flatMap(Scope.make(), (scope) => Scope.extend(Service.make({ logger: Testkit.silent }), scope))
)

const receiptOf = (program: Program, way: Way): Receipt => {
  let recorder: Recorder | undefined
  const whole = asked(program, way).pipe(
    Effect.provideService(Started, (started) => void (recorder ??= started)),
    Effect.provideService(Aggregator, aggregator),
    Effect.locally(FiberRef.currentLoggers, HashSet.empty())
  )
  const watched =
    program.leaves === Infinity
      ? whole
      : Effect.flatMap(Effect.fork(Effect.interruptible(whole)), (fiber) =>
          Effect.zipRight(Effect.sleep(program.leaves), Fiber.interrupt(fiber))
        )
  const { fibers } = Machine.run(Effect.exit(watched))
  assert.strictEqual(fibers, 0)
  return recorder!.receipt()
}

const toldBy = ({ criticalPath, elapsed, firstCause, outcome, sources, victims }: Receipt): Told => ({
  outcome,
  elapsed,
  cause: firstCause === null ? null : [firstCause.kind, firstCause.source, firstCause.at],
  victims,
  path: criticalPath,
  sources: sources.map(({ end, name, outcome, start }) => [name, outcome, start, end])
})

const answers = ({ deadline, leaves, tasks }: Program) =>
  deadline < Infinity || leaves < Infinity || tasks.every(({ ends, limit }) => ends !== "hang" || limit < Infinity)

/** So many random programs, asked in each way. */
export const honest = (runs: number, seed?: number) =>
  describe(`the receipts of ${runs} random programs`, () => {
    for (const way of ["Gather", "Aggregator", "by calls"] as const) {
      it(`say what was so, asked through ${way}: outcomes, times, first cause, victims and critical path`, () => {
        fc.assert(
          fc.property(programs.filter(answers), (program) => {
            const receipt = receiptOf(program, way)
            const { deadline } = program

            assert.deepStrictEqual(toldBy(receipt), simulate(program))
            assert.strictEqual(receipt.deadline, deadline === Infinity ? null : deadline)
            assert.strictEqual(receipt.remaining, deadline === Infinity ? null : deadline - receipt.elapsed)
          }),
          { numRuns: runs, ...(seed === undefined ? {} : { seed }) }
        )
      })
    }
  })
