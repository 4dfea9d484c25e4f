import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { exitOf, finish, interrupt, isHolding, stage, type Task } from "./Stage.ts"
import { TornScheduler } from "../TornScheduler.ts"

const limits = fc.integer({ min: 1, max: 6 })
const weights = fc.integer({ min: 1, max: 6 })
const picks = fc.nat({ max: 1_000 })
const arrivals = fc.record({ do: fc.constantFrom("with" as const, "tryWith" as const), weight: weights })
const endings = fc.record({ do: fc.constantFrom("succeed" as const, "fail" as const, "die" as const), pick: picks })
const interruptions = fc.record({ do: fc.constant("interrupt" as const), pick: picks })
const steps = fc.record({ do: fc.constant("step" as const), times: fc.integer({ min: 1, max: 20 }) })
const commands = fc.oneof({ arbitrary: arrivals, weight: 3 }, endings, interruptions, steps)
const tears = fc.option(fc.integer({ min: 20, max: 60 }))
type Command = (typeof commands)["generate"] extends (...args: never) => fc.Value<infer C> ? C : never

/** Which of those that have not ended the command means. */
const picked = (on: ReturnType<typeof stage>, command: Command): Task | undefined => {
  const alive = on.tasks.filter((task) => exitOf(task) === null)
  return "pick" in command ? alive[command.pick % alive.length] : undefined
}

const perform = (on: ReturnType<typeof stage>, command: Command, task: Task | undefined) => {
  if (command.do === "step") for (let left = command.times; left > 0; left--) on.scheduler.step()
  else if ("weight" in command) on.arrive(Math.min(command.weight, on.permits.limit), command.do)
  else if (task === undefined) return
  else if (command.do === "interrupt") interrupt(task)
  else if (command.do === "fail") task.end(Effect.fail("no"))
  else if (command.do === "die") task.end(Effect.die("bug"))
  else finish(task)
}

describe("Permits, whatever happens", () => {
  it("never more than the limit is in flight, everybody left has a turn, and all permits are free at the end", () => {
    fc.assert(
      fc.property(limits, tears, fc.array(commands, { maxLength: 80, size: "max" }), (limit, every, all) => {
        const on = stage(limit, every === null ? undefined : new TornScheduler(every))
        for (const command of all) {
          perform(on, command, picked(on, command))
          assert.isAtMost(on.held(), limit)
          assert.isAtLeast(on.permits.free(), 0)
          assert.isAtMost(on.permits.free() + on.held(), limit)
        }
        on.settle()
        for (let holder = on.tasks.find(isHolding); holder !== undefined; holder = on.tasks.find(isHolding)) {
          finish(holder)
          on.settle()
          assert.isAtMost(on.held(), limit)
        }

        assert.isTrue(on.tasks.every((task) => exitOf(task) !== null))
        assert.deepStrictEqual([on.permits.free(), on.permits.waiting(), on.held()], [limit, 0, 0])
      }),
      { numRuns: 300 }
    )
  })

  it("at rest it is what a queue of names would be", () => {
    fc.assert(
      fc.property(limits, fc.array(commands, { maxLength: 60, size: "max" }), (limit, all) => {
        const on = stage(limit)
        const model: Model = { free: limit, waiting: [], began: [], holding: new Set() }
        for (const command of all) {
          const before = new Set(on.tasks.filter(isHolding))
          const pick = picked(on, command)
          perform(on, command, pick)
          on.settle()

          if ("weight" in command) join(model, on.tasks.at(-1)!, command.do)
          else if (pick !== undefined && (command.do === "interrupt" || before.has(pick))) leave(model, pick)
          assert.strictEqual(on.permits.free(), model.free)
          assert.strictEqual(on.permits.waiting(), model.waiting.length)
          assert.deepStrictEqual(on.began, model.began)
          assert.deepStrictEqual(new Set(on.tasks.filter(isHolding)), model.holding)
        }
      }),
      { numRuns: 300 }
    )
  })
})

/** What permits are: names in a queue. */
interface Model {
  free: number
  readonly waiting: Array<Task>
  readonly began: Array<string>
  readonly holding: Set<Task>
}

const admit = (model: Model) => {
  for (let next = model.waiting[0]; next !== undefined && next.weight <= model.free; next = model.waiting[0]) {
    model.waiting.shift()
    model.free -= next.weight
    model.began.push(next.name)
    model.holding.add(next)
  }
}

const join = (model: Model, task: Task, how: "with" | "tryWith") => {
  if (how === "tryWith" && (model.waiting.length > 0 || task.weight > model.free)) return
  model.waiting.push(task)
  admit(model)
}

const leave = (model: Model, task: Task) => {
  if (model.holding.delete(task)) model.free += task.weight
  const place = model.waiting.indexOf(task)
  if (place >= 0) model.waiting.splice(place, 1)
  admit(model)
}
