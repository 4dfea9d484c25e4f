import * as Experimental from "@effect/experimental/RequestResolver"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Duration, Effect, Exit, Fiber, Option, Request, RequestResolver } from "effect"
import * as fc from "fast-check"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Deadline from "../../src/Deadline.ts"
import * as Gather from "../../src/Gather.ts"
import * as Batching from "../../src/Resilience/Batching.ts"
import { timeLimit } from "../../src/Source.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import { onMachine, refuses, timed } from "./Calls.ts"

class GetUser extends Request.TaggedClass("GetUser")<string, string, { readonly id: number }> {}

/** Answers in 10 milliseconds, in 1,000 where 99 is asked for; says what it was asked, and what was cancelled. */
const backend = () => {
  const asked: Array<ReadonlyArray<number>> = []
  const cancelled: Array<number> = []
  const deadlines: Array<number> = []
  const resolver = RequestResolver.makeBatched((requests: ReadonlyArray<GetUser>) =>
    Effect.gen(function* () {
      const ids = requests.map(({ id }) => id)
      asked.push(ids)
      deadlines.push(Duration.toMillis(yield* Deadline.remaining))
      yield* Effect.sleep(ids.includes(99) ? 1_000 : 10)
      yield* Effect.forEach(requests, (request) =>
        request.id === 0 ? Request.fail(request, "no such user") : Request.succeed(request, `user ${request.id}`)
      )
    }).pipe(Effect.onInterrupt(() => Effect.map(Clock.currentTimeMillis, (now) => void cancelled.push(now))))
  )
  return { asked, cancelled, deadlines, resolver }
}

const ids = [1, 2, 3]
const user = (users: RequestResolver.RequestResolver<GetUser>) => (id: number) =>
  Effect.request(new GetUser({ id }), users)
const users = ids.map((id) => `user ${id}`)

describe("Effect's own batching, of which Batching makes up the lack", () => {
  onMachine(
    "makes one call for each request in a gather, and where each has a time limit",
    Effect.gen(function* () {
      const { asked, resolver } = backend()
      yield* Effect.forEach(ids, user(resolver), { batching: true })
      assert.deepStrictEqual(asked.splice(0), [[1, 2, 3]])
      yield* Effect.forEach(ids, (id) => Effect.timeout(user(resolver)(id), 500), { batching: true, concurrency: 3 })
      assert.deepStrictEqual(asked.splice(0), [[1], [2], [3]])
      yield* Effect.withRequestBatching(Gather.forEach(ids, user(resolver)), true)
      assert.deepStrictEqual(asked, [[1], [2], [3]])
    })
  )

  onMachine(
    "does not cancel the call of a data loader when nobody waits for it any more",
    Effect.gen(function* () {
      const { cancelled, resolver } = backend()
      const loader = yield* Experimental.dataLoader(resolver, { window: 0 })
      const waiting = yield* Effect.fork(user(loader)(99))
      yield* Effect.sleep(20)
      yield* Fiber.interrupt(waiting)
      yield* Effect.sleep(2_000)
      assert.deepStrictEqual(cancelled, [])
    }).pipe(Effect.scoped)
  )
})

describe("Batching", () => {
  onMachine(
    "makes one call for all requests of a gather",
    Effect.gen(function* () {
      const { asked, resolver } = backend()
      const batched = yield* Batching.make(resolver)
      assert.deepStrictEqual(yield* Gather.forEach(ids, user(batched)), users)
      yield* Gather.collect({ a: user(batched)(4), b: user(batched)(0) })
      yield* Gather.collectEach(ids, user(batched))
      assert.deepStrictEqual(asked, [
        [1, 2, 3],
        [4, 0],
        [1, 2, 3]
      ])
    })
  )

  onMachine(
    "also where each has a time limit of its own, which the others do not feel",
    Effect.gen(function* () {
      const { asked, resolver } = backend()
      const batched = yield* Batching.make(resolver)
      const limited = (id: number) => timeLimit(user(batched)(id), id === 2 ? 5 : 500)
      const [elapsed, exit] = yield* timed(Gather.collectEach(ids, limited))

      assert.deepStrictEqual(asked, [[1, 2, 3]])
      if (Exit.isFailure(exit)) assert.fail(String(exit))
      assert.deepStrictEqual(
        exit.value.map((outcome) => (outcome._tag === "Succeeded" ? outcome.value : outcome._tag)),
        ["user 1", "TimedOut", "user 3"]
      )
      assert.strictEqual(elapsed, 10)
    })
  )

  onMachine(
    "gives each request its own answer, and its own failure",
    Effect.gen(function* () {
      const batched = yield* Batching.make(backend().resolver)
      const exits = yield* Effect.forEach([1, 0, 2], (id) => Effect.exit(user(batched)(id)), { concurrency: 3 })
      assert.deepStrictEqual(exits, [Exit.succeed("user 1"), Exit.fail("no such user"), Exit.succeed("user 2")])
    })
  )

  onMachine(
    "waits for others as long as it may, and no longer than until a batch is full",
    Effect.gen(function* () {
      const { asked, resolver } = backend()
      const batched = yield* Batching.make(resolver, { window: 50, maxSize: 2 })
      const late = Effect.delay(user(batched)(2), 20)
      const [elapsed] = yield* timed(
        Effect.all([user(batched)(1), late, Effect.delay(user(batched)(3), 30)], { concurrency: 3 })
      )
      assert.deepStrictEqual([elapsed, asked], [90, [[1, 2], [3]]])
    })
  )

  onMachine(
    "does not ask for a request that has gone before the call was made",
    Effect.gen(function* () {
      const { asked, cancelled, resolver } = backend()
      const batched = yield* Batching.make(resolver, { window: 50 })
      const all = yield* Effect.forEach(ids, (id) => Effect.fork(user(batched)(id)))
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(all[1]!)
      assert.strictEqual(yield* Fiber.join(all[2]!), "user 3")
      assert.deepStrictEqual(asked.splice(0), [[1, 3]])

      const alone = yield* Effect.fork(user(batched)(1))
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(alone)
      yield* Effect.sleep(100)
      assert.deepStrictEqual([asked, cancelled], [[], []])
      assert.strictEqual(yield* user(batched)(2), "user 2")
    })
  )

  onMachine(
    "cancels the call when the last request has gone, and harms none that stays",
    Effect.gen(function* () {
      const { asked, cancelled, resolver } = backend()
      const batched = yield* Batching.make(resolver)
      const start = yield* Clock.currentTimeMillis
      const all = yield* Effect.forEach([1, 99], (id) => Effect.fork(user(batched)(id)))
      yield* Effect.sleep(20)
      yield* Fiber.interrupt(all[0]!)
      assert.deepStrictEqual([asked, cancelled], [[[1, 99]], []])
      const [elapsed] = yield* timed(Fiber.interrupt(all[1]!))
      yield* Cleanup.settled
      assert.deepStrictEqual([elapsed, cancelled], [0, [start + 20]])

      const [first] = yield* Effect.forEach([99, 1], (id) => Effect.fork(user(batched)(id)))
      yield* Effect.sleep(20)
      yield* Fiber.interrupt(first!)
      yield* Effect.sleep(2_000)
      assert.lengthOf(cancelled, 1)
    })
  )

  onMachine(
    "the deadline of a gather cancels the call too",
    Effect.gen(function* () {
      const { cancelled, resolver } = backend()
      const batched = yield* Batching.make(resolver)
      const [elapsed] = yield* timed(Gather.forEach([1, 99], user(batched), { deadline: 100 }))
      yield* Cleanup.settled
      assert.deepStrictEqual([elapsed, cancelled.length], [100, 1])
    })
  )

  onMachine(
    "the latest deadline of its requests is the ambient deadline of the call",
    Effect.gen(function* () {
      const { deadlines, resolver } = backend()
      const batched = yield* Batching.make(resolver)
      yield* Effect.all(
        [100, 300, 200].map((within, id) => Deadline.within(within)(user(batched)(id + 1))),
        {
          concurrency: 3
        }
      )
      yield* user(batched)(1)
      assert.deepStrictEqual(deadlines, [300, Infinity])
    })
  )

  onMachine(
    "is made with the services from where it was made, and not with those of a request",
    Effect.gen(function* () {
      class Token extends Context.Tag("Token")<Token, string>() {}
      const tokens: Array<string> = []
      const resolver = RequestResolver.makeBatched((requests: ReadonlyArray<GetUser>) =>
        Effect.gen(function* () {
          tokens.push(yield* Token)
          yield* Effect.forEach(requests, (request) => Request.succeed(request, "user"))
        })
      ).pipe(RequestResolver.contextFromServices(Token))
      const batched = yield* Effect.flatMap(resolver, Batching.make).pipe(Effect.provideService(Token, "ours"))
      yield* Effect.provideService(user(batched)(1), Token, "of the first")
      assert.deepStrictEqual(tokens, ["ours"])
    })
  )

  onMachine(
    "gives a defect of the call to all of its requests",
    Effect.gen(function* () {
      const resolver = RequestResolver.makeBatched((_: ReadonlyArray<GetUser>) => Effect.die(new Error("bug")))
      const batched = yield* Batching.make(resolver)
      const exits = yield* Effect.forEach(ids, (id) => Effect.exit(user(batched)(id)), { concurrency: 3 })
      assert.isTrue(exits.every((exit) => Exit.isFailure(exit) && Cause.isDie(exit.cause)))
    })
  )

  it("refuses what cannot be meant, by name", () => {
    const { resolver } = backend()
    const refused = (options: Batching.BatchingOptions) => () => {
      const exit = Effect.runSyncExit(Batching.make(resolver, options))
      if (Exit.isFailure(exit)) throw (exit.cause as { readonly defect?: unknown }).defect
    }
    refuses({
      "Batching.make window": refused({ window: -1 }),
      "Batching.make maxSize": refused({ maxSize: 0 })
    })
  })

  it("every request has its own answer, and no call goes on for nobody, whoever comes and goes", () => {
    const request = fc.record({
      at: fc.integer({ min: 0, max: 30 }),
      id: fc.integer({ min: 1, max: 5 }),
      interruptedAfter: fc.option(fc.integer({ min: 0, max: 25 }))
    })
    fc.assert(
      fc.property(
        fc.array(request, { maxLength: 12 }),
        fc.constantFrom(0, 5),
        fc.constantFrom<Machine.Ties>("forward", "backward", "together"),
        (requests, window, order) => {
          const { resolver } = backend()
          const program = Effect.gen(function* () {
            const batched = yield* Batching.make(resolver, { window, maxSize: 3 })
            yield* Effect.forEach(
              requests,
              ({ at, id, interruptedAfter }) =>
                Effect.gen(function* () {
                  yield* Effect.sleep(at)
                  const fiber = yield* Effect.fork(user(batched)(id))
                  if (interruptedAfter === null) return assert.strictEqual(yield* Fiber.join(fiber), `user ${id}`)
                  yield* Effect.sleep(interruptedAfter)
                  yield* Fiber.interrupt(fiber)
                }),
              { concurrency: "unbounded", discard: true }
            )
          })
          const ran = Machine.run(program, order)
          assert.isTrue(Option.isSome(ran.exit) && Exit.isSuccess(ran.exit.value), String(ran.exit))
          assert.strictEqual(ran.fibers, 0)
        }
      ),
      { numRuns: 150 }
    )
  })
})
