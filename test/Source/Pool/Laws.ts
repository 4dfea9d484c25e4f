/**
 * What holds for a pool on every schedule of callers, losses, late cancels and closing.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Scope } from "effect"
import * as fc from "fast-check"
import * as Cleanup from "../../../src/Cleanup.ts"
import * as Deadline from "../../../src/Deadline.ts"
import * as Pool from "../../../src/Source/Pool.ts"
import * as Machine from "../../../src/Testkit/Machine.ts"
import * as Scripted from "./Scripted.ts"

const instants = fc.integer({ min: 0, max: 60 })
const callers = fc.record({
  at: instants,
  millis: fc.integer({ min: 0, max: 40 }),
  dying: fc.constantFrom(0, 1, 7, 30, Infinity),
  /** How many things it asks over one connection. */
  questions: fc.integer({ min: 1, max: 3 }),
  inTransaction: fc.boolean(),
  /** It asks where nothing can be interrupted, as in a finalizer. */
  isFinalizer: fc.boolean(),
  interruptedAfter: fc.option(instants),
  deadline: fc.option(instants, { freq: 4 })
})
const all = fc.record({
  maxConnections: fc.integer({ min: 1, max: 3 }),
  opening: fc.constantFrom(0, 3, 30, Infinity),
  cancel: fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 30 })),
  cancelFails: fc.boolean(),
  callers: fc.array(callers, { minLength: 1, maxLength: 8 }),
  /** When a connection is lost, and which. */
  losses: fc.array(fc.tuple(instants, fc.nat({ max: 3 })), { maxLength: 2 }),
  /** When the pool is closed, whoever uses it. */
  closedAt: fc.option(instants, { freq: 3 }),
  ties: fc.constantFrom<Machine.Ties>("forward", "backward", "together")
})
type Scenario = (typeof all)["generate"] extends (...args: never) => fc.Value<infer S> ? S : never

const play = ({ callers, cancel, cancelFails, closedAt, losses, maxConnections, opening }: Scenario) =>
  Effect.gen(function* () {
    const server = Scripted.make({ opening, cancel, cancelFails, parting: 3 })
    const scope = yield* Scope.make()
    const options = { maxConnections, connectTimeout: 20, grace: 50, idleTimeout: 40 }
    const pool = yield* Scope.extend(Pool.make(server.driver, options), scope)
    const close = Scope.close(scope, Exit.void)
    let most = 0

    const call = ({
      at,
      deadline,
      dying,
      inTransaction,
      interruptedAfter,
      isFinalizer,
      millis,
      questions
    }: (typeof callers)[number]) => {
      const names = Array.from({ length: questions }, (_, index) => `${at}.${index}`)
      const all = inTransaction ? ["begin", ...names, "commit"] : names
      const asked = Effect.scoped(
        Effect.flatMap(pool.take, (lease) => {
          most = Math.max(most, server.open())
          return Effect.forEach(all, (name) => server.ask(lease, { name, millis, dying }), { discard: true })
        })
      )
      const limited = deadline === null ? asked : Deadline.within(deadline)(asked)
      const run = Effect.delay(isFinalizer ? Effect.uninterruptible(limited) : limited, at)
      if (interruptedAfter === null) return run
      return Effect.flatMap(Effect.fork(run), (fiber) =>
        Effect.zipRight(Effect.sleep(at + interruptedAfter), Fiber.interrupt(fiber))
      )
    }
    const fibers = yield* Effect.forEach(callers, (caller) => Effect.fork(call(caller)))
    yield* Effect.forEach(losses, ([at, index]) =>
      Effect.fork(
        Effect.delay(
          Effect.sync(() => lose(server.connections[index])),
          at
        )
      )
    )
    if (closedAt !== null) yield* Effect.fork(Effect.delay(close, closedAt))
    const exits = yield* Effect.forEach(fibers, Fiber.await)
    yield* Cleanup.settled
    // Nobody uses them any more, so they are closed after a while.
    yield* Effect.sleep(200)
    const { used, waiting } = pool.stats()
    const kept = server.open()
    yield* close
    const dirty = server.connections.some((connection) => connection.dirty && connection.state === "open")
    return { exits, most, wrong: server.wrong, left: { used, waiting, kept, dirty, open: server.open() } }
  })

const lose = (connection: Scripted.Connection | undefined) => {
  if (connection?.state !== "open") return
  connection.state = "closed"
  connection.running?.stop({ kind: "unavailable", reason: "lost" })
}

/** Plays so many scenarios: nobody is hit by another's cancel, nobody waits for ever, and nothing is left. */
export const hold = (scenarios: number, replay: { readonly seed?: number; readonly path?: string } = {}): void =>
  fc.assert(
    fc.property(all, (scenario) => {
      const { exit, fibers } = Machine.run(play(scenario), scenario.ties)
      assert(Option.isSome(exit) && Exit.isSuccess(exit.value), `it ended with ${JSON.stringify(exit)}`)
      const { exits, left, most, wrong } = exit.value.value

      assert.deepStrictEqual(wrong, [])
      assert.isAtMost(most, scenario.maxConnections)
      assert.deepStrictEqual(left, { used: 0, waiting: 0, kept: 0, dirty: false, open: 0 })
      assert.strictEqual(fibers, 0)
      const isCalm = scenario.losses.length === 0 && scenario.closedAt === null && scenario.opening < 20
      scenario.callers.forEach(({ deadline, interruptedAfter }, index) => {
        if (isCalm && deadline === null && interruptedAfter === null)
          assert(Exit.isSuccess(exits[index]!), `caller ${index} was hit: ${JSON.stringify(exits[index])}`)
      })
    }),
    { numRuns: scenarios, ...replay }
  )
