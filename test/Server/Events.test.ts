import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Stream, TestClock } from "effect"
import * as Memory from "../../src/Memory.ts"
import * as Events from "../../src/Server/Events.ts"
import type { Exchange } from "../../src/Server/Exchange.ts"
import { isStreamed } from "../../src/Server/Reply.ts"

/** A response of events, of whose request only these parts are looked at, and what became of its connection. */
const responding = (overflow: "end" | "drop", limit: number) => {
  const budget = new Memory.Budget(limit)
  let destroyed = 0
  const exchange = { memory: budget.account(), message: { socket: { destroy: () => (destroyed += 1) } } }
  let write: Events.Write = () => {}
  const reply = Events.respond({
    // The cast: see above.
    exchange: exchange as unknown as Exchange,
    form: "sse",
    heartbeat: 60_000,
    overflow,
    run: (given) => {
      write = given
      return Effect.never
    }
  })
  assert(isStreamed(reply))
  return {
    budget,
    exchange: exchange as unknown as Exchange,
    body: reply.body,
    write: (event: string, data: object) => write(event, data),
    destroyed: () => destroyed
  }
}

const text = (body: Stream.Stream<Uint8Array>) => Stream.mkString(Stream.decodeText(body))

describe("Events", () => {
  it.effect("what comes after the end is left out, and the last word is read", () =>
    Effect.gen(function* () {
      const { body, destroyed, exchange, write } = responding("end", Infinity)
      const reading = yield* Effect.fork(text(body))
      yield* TestClock.adjust(0)
      write("source", { source: "a" })
      exchange.close?.()
      write("source", { source: "afterwards" })

      const read = yield* reading
      assert.match(read, /event: source[^]*event: problem\nid: end/)
      assert.notInclude(read, "afterwards")
      assert.strictEqual(destroyed(), 0)
    })
  )

  it.effect("a response breaks off where there is no memory for more of its events", () =>
    Effect.gen(function* () {
      const { body, budget, destroyed, write } = responding("end", 200)
      yield* Effect.fork(Stream.runForEach(body, () => Effect.never))
      yield* TestClock.adjust(0)
      write("small", {})
      assert.strictEqual(destroyed(), 0)
      yield* TestClock.adjust(0)
      write("large", { text: "x".repeat(500) })

      assert.strictEqual(destroyed(), 1)
      assert.isAtMost(budget.used, 200)
    })
  )

  it.effect("a reader who is too slow loses events, and is told how many", () =>
    Effect.gen(function* () {
      const { body, budget, destroyed, write } = responding("drop", Infinity)
      const pull = yield* Stream.toPull(body)
      const beginning = yield* Effect.fork(pull)
      yield* TestClock.adjust(0)
      write("start", {})
      yield* beginning
      for (let n = 0; n < 30; n++) write("receipt", { n, text: "x".repeat(100_000) })
      assert.isAtMost(budget.used, 1_000_000)
      const read = Buffer.concat(Chunk.toReadonlyArray(yield* pull)).toString()
      assert.strictEqual(read.split("event: receipt").length - 1, 9)
      assert.strictEqual(budget.used, 0)

      write("receipt", { n: 30 })
      const after = Buffer.concat(Chunk.toReadonlyArray(yield* pull)).toString()
      assert.match(after, /event: dropped\ndata: {"events":21}[^]*"n":30/)
      assert.strictEqual(destroyed(), 0)
    }).pipe(Effect.scoped)
  )
})
