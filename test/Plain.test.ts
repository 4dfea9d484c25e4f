import { AsyncLocalStorage } from "node:async_hooks"
import { getEventListeners } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, assert, beforeAll, describe, expectTypeOf, it, vi } from "vitest"
import * as Plain from "../src/Plain.ts"
import type { Receipt } from "../src/Receipt.ts"

// Times are real here, since promises do not run on Effect's clock. What must lose takes far longer than any test; no
// test says how long something took, but what came before what.

/** Settles when its signal is aborted, and not before. */
const hangs = (signal: AbortSignal) => sleep(600_000, "never", { signal })

/** Ignores its signal, and settles when the test says so. */
const stubborn = () => {
  const signals: Array<AbortSignal> = []
  let settle = () => {}
  const gate = new Promise<string>((resolve) => (settle = () => resolve("late")))
  const ask = (signal: AbortSignal) => {
    signals.push(signal)
    return gate
  }
  return { ask, signals, settle }
}

const rejection = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail("it did not reject")
}

/** Waits until something is so, or fails. */
const until = (so: () => boolean) => vi.waitFor(() => assert.isTrue(so()), { timeout: 5_000, interval: 2 })

/** Options that keep the receipts of a call. */
const receiving = () => {
  const receipts: Array<Receipt> = []
  return { receipts, onReceipt: (receipt: Receipt) => void receipts.push(receipt) }
}

const unhandled: Array<unknown> = []
const onUnhandled = (reason: unknown) => void unhandled.push(reason)
beforeAll(() => void process.on("unhandledRejection", onUnhandled))
afterAll(() => void process.off("unhandledRejection", onUnhandled))

describe("Plain", () => {
  describe("gather", () => {
    it("answers in the shape of the sources, with the types of their answers", async () => {
      const struct = await Plain.gather({
        profile: async () => ({ name: "Alice" }),
        orders: Plain.optional((signal) => (signal.aborted ? [] : [1, 2])),
        badge: Plain.orElse(async () => 1, "none"),
        theme: Plain.required(async () => true)
      })
      const tuple = await Plain.gather([async () => 1, (signal) => signal.aborted])
      const list = await Plain.gather(new Set([1, 2].map((n) => async () => n)))

      assert.deepStrictEqual(struct, { profile: { name: "Alice" }, orders: [1, 2], badge: 1, theme: true })
      assert.deepStrictEqual(tuple, [1, false])
      assert.deepStrictEqual(list, [1, 2])
      expectTypeOf(struct).toEqualTypeOf<{
        profile: { name: string }
        orders: Array<number> | undefined
        badge: number | string
        theme: boolean
      }>()
      expectTypeOf(tuple).toEqualTypeOf<[number, boolean]>()
      expectTypeOf(list).toEqualTypeOf<Array<number>>()
    })

    it("rejects with the first failure of a required source, and aborts the others", async () => {
      const original = new TypeError("boom")
      const lost: Array<AbortSignal> = []
      const error = await rejection(
        Plain.gather({
          profile: () => Promise.reject(original),
          orders: (signal) => {
            lost.push(signal)
            return hangs(signal)
          }
        })
      )

      assert(error instanceof Plain.SourceFailed && error instanceof Error)
      assert.strictEqual(error.source, "profile")
      assert.strictEqual(error.error, original)
      assert.strictEqual(error.name, "SourceFailed")
      assert.match(error.message, /^Source "profile" failed after .* ms: boom; stopped: orders$/)
      assert.isTrue(error.stack?.startsWith(`SourceFailed: ${error.message}\n    at `))
      assert.deepStrictEqual(error.receipt.victims, ["orders"])
      assert.deepStrictEqual(
        lost.map((signal) => signal.aborted),
        [true]
      )
    })

    it("takes a throw for a rejection, and leaves whatever was thrown as it is", async () => {
      class Odd {
        readonly #secret = 42
        get secret() {
          return this.#secret
        }
      }
      for (const value of [undefined, null, 0, "text", Symbol("s"), Object.freeze(new Error("frozen")), new Odd()]) {
        const thrown = await rejection(
          Plain.gather({
            bad: () => {
              throw value
            }
          })
        )
        const outcome = await Plain.collect({ bad: () => Promise.reject(value) })

        assert(thrown instanceof Plain.SourceFailed)
        assert.strictEqual(thrown.error, value)
        assert(outcome.bad._tag === "Failed")
        assert.strictEqual(outcome.bad.error, value)
      }
    })

    it("rejects at the deadline with what it was waiting for, given in milliseconds or in words", async () => {
      for (const deadline of [20, "20 millis"] as const) {
        const slow = stubborn()
        const error = await rejection(Plain.gather({ quick: () => 1, slow: slow.ask, hung: hangs }, { deadline }))
        slow.settle()

        assert(error instanceof Plain.DeadlineExceeded && error instanceof Error)
        assert.deepStrictEqual(error.pending, ["slow", "hung"])
        assert.strictEqual(error.message, `The deadline of 20ms passed while waiting for "slow", "hung"`)
        assert.isTrue(error.stack?.startsWith("DeadlineExceeded: The deadline"))
        assert.isTrue(slow.signals[0]?.aborted)
      }
    })

    it("answers without optional sources that fail or are late", async () => {
      const { onReceipt, receipts } = receiving()
      const answer = await Plain.gather(
        {
          profile: () => "Alice",
          failed: Plain.optional(() => Promise.reject(new Error("down"))),
          late: Plain.optional(hangs),
          instead: Plain.orElse(hangs, "fallback")
        },
        { deadline: 20, onReceipt }
      )

      assert.deepStrictEqual(answer, { profile: "Alice", failed: undefined, late: undefined, instead: "fallback" })
      await until(() => receipts.length === 1)
      assert.deepStrictEqual(
        receipts[0]!.sources.map(({ fallback, name, outcome }) => [name, outcome, fallback]),
        [
          ["profile", "succeeded", false],
          ["failed", "failed", true],
          ["late", "timed-out", true],
          ["instead", "timed-out", true]
        ]
      )
    })

    it("does not wait for a source that ignores its signal", async () => {
      const failing = stubborn()
      const late = stubborn()
      const failed = await rejection(
        Plain.gather({ bad: () => Promise.reject(new Error("boom")), failing: failing.ask })
      )
      const exceeded = await rejection(Plain.gather({ late: late.ask }, { deadline: 10 }))

      assert.instanceOf(failed, Plain.SourceFailed)
      assert.instanceOf(exceeded, Plain.DeadlineExceeded)
      assert.isTrue(failing.signals[0]?.aborted)
      failing.settle()
      late.settle()
    })

    it("asks no more sources at once than its concurrency", async () => {
      let running = 0
      let most = 0
      const source = async () => {
        most = Math.max(most, ++running)
        await sleep(1)
        running--
      }
      await Plain.gather(
        Array.from({ length: 20 }, () => source),
        { concurrency: 3 }
      )

      assert.strictEqual(most, 3)
    })

    it("asks in the async context of the caller", async () => {
      const request = new AsyncLocalStorage<number>()
      const seen = () => sleep(1).then(() => request.getStore())
      const muster = Plain.make({ concurrency: 1 })
      const calls = Array.from({ length: 10 }, (_, id) =>
        request.run(id, () => muster.gather({ seen, queued: seen, last: () => request.getStore() }))
      )

      assert.deepStrictEqual(
        await Promise.all(calls),
        Array.from(calls, (_, id) => ({ seen: id, queued: id, last: id }))
      )
      await muster.close()
    })

    it("writes nothing to stdout", async () => {
      const log = vi.spyOn(globalThis.console, "log")
      const write = vi.spyOn(process.stdout, "write")
      try {
        await Plain.gather({ a: () => 1 })
        await rejection(Plain.gather({ a: () => Promise.reject(new Error("boom")), b: hangs }))
        assert.strictEqual(log.mock.calls.length + write.mock.calls.length, 0)
      } finally {
        log.mockRestore()
        write.mockRestore()
      }
    })
  })

  describe("a signal from outside", () => {
    it("rejects at once with its reason when it is aborted, whatever the sources do and however long the grace", async () => {
      const deaf = stubborn()
      const { onReceipt, receipts } = receiving()
      const controller = new AbortController()
      const reason = { left: "the page" }
      const answer = rejection(
        Plain.gather({ deaf: deaf.ask, hung: hangs }, { signal: controller.signal, grace: "1 minute", onReceipt })
      )
      await until(() => deaf.signals.length === 1)
      controller.abort(reason)

      assert.strictEqual(await answer, reason)
      await until(() => deaf.signals[0]?.aborted === true)
      assert.strictEqual(receipts.length, 0)
      deaf.settle()
      await until(() => receipts.length === 1)
      assert.strictEqual(receipts[0]?.firstCause?.kind, "caller")
      assert.deepStrictEqual(
        receipts[0]?.sources.map(({ cleanup, outcome }) => [outcome, cleanup]),
        [
          ["cancelled", "done"],
          ["cancelled", "done"]
        ]
      )
    })

    it("that has been aborted before means that nothing is asked", async () => {
      const signal = AbortSignal.abort("too late")
      let asked = 0
      const error = await rejection(Plain.gather({ a: () => ++asked }, { signal }))

      assert.strictEqual(error, "too late")
      await sleep(5)
      assert.strictEqual(asked, 0)
      assert.strictEqual(getEventListeners(signal, "abort").length, 0)
    })

    it("has no listener left after an answer, a failure, a deadline, an abort or a wrong option", async () => {
      const controller = new AbortController()
      const { signal } = controller
      const left = () => getEventListeners(signal, "abort").length
      const fails = () => Promise.reject(new Error("boom"))
      await Plain.gather({ a: () => 1 }, { signal })
      assert.strictEqual(left(), 0)
      await rejection(Plain.gather({ a: fails, b: hangs }, { signal }))
      assert.strictEqual(left(), 0)
      await rejection(Plain.gather({ a: hangs }, { signal, deadline: 5 }))
      assert.strictEqual(left(), 0)
      await rejection(Plain.gather({ a: hangs }, { signal, deadline: -5 }))
      assert.strictEqual(left(), 0)
      for await (const [name] of Plain.stream({ a: () => 1, b: hangs }, { signal })) if (name === "a") break
      assert.strictEqual(left(), 0)

      const aborted = rejection(Plain.gather({ a: hangs }, { signal }))
      assert.strictEqual(left(), 1)
      controller.abort()
      assert.strictEqual(((await aborted) as Error).name, "AbortError")
      assert.strictEqual(left(), 0)
    })

    it("has one listener for all calls, and cancels every one of them", async () => {
      const controller = new AbortController()
      const { signal } = controller
      const calls = Array.from({ length: 50 }, () => rejection(Plain.gather({ a: hangs }, { signal })))
      await Plain.gather({ a: () => 1 }, { signal })

      assert.strictEqual(getEventListeners(signal, "abort").length, 1)
      controller.abort("stop")
      assert.deepStrictEqual(await Promise.all(calls), Array(50).fill("stop"))
      assert.strictEqual(getEventListeners(signal, "abort").length, 0)
    })
  })

  describe("a receipt", () => {
    it("comes once, when the last cleanup has ended", async () => {
      const { onReceipt, receipts } = receiving()
      const slow = stubborn()
      await Plain.first({ quick: () => 1, slow: slow.ask }, { onReceipt })
      await sleep(10)

      assert.strictEqual(receipts.length, 0)
      slow.settle()
      await until(() => receipts.length === 1)
      await sleep(5)
      assert.strictEqual(receipts.length, 1)
      const [quick, loser] = receipts[0]!.sources
      assert.deepStrictEqual([quick!.outcome, loser!.outcome, loser!.cleanup], ["succeeded", "cancelled", "done"])
      assert.isAbove(loser!.cleaned!, loser!.end!)
      assert.isAtLeast(receipts[0]!.settled!, loser!.cleaned!)
    })

    it("has the name of the call, or of the policy", async () => {
      const { onReceipt, receipts } = receiving()
      const a = () => 1
      await Plain.gather({ a }, { onReceipt, name: "dashboard" })
      await Plain.gather({ a }, { onReceipt })
      await Plain.collect({ a }, { onReceipt })
      await Plain.quorum({ a }, 1, { onReceipt })
      await Plain.first({ a }, { onReceipt })
      await Plain.forEach([1], a, { onReceipt })
      await Plain.collectEach([1], a, { onReceipt })
      for await (const _ of Plain.stream({ a }, { onReceipt }));

      assert.deepStrictEqual(
        receipts.map(({ aggregation, outcome, policy }) => [aggregation, policy, outcome]),
        [
          ["dashboard", "failFast", "succeeded"],
          ["gather", "failFast", "succeeded"],
          ["collect", "collect", "succeeded"],
          ["quorum", "quorum", "succeeded"],
          ["first", "first", "succeeded"],
          ["forEach", "forEach", "succeeded"],
          ["collectEach", "collectEach", "succeeded"],
          ["stream", "stream", "succeeded"]
        ]
      )
    })

    it("whose listener throws or rejects harms no answer, and says so on stderr", async () => {
      const said = vi.spyOn(console, "error").mockImplementation(() => {})
      try {
        const onReceipt = () => {
          throw new Error("listener")
        }
        assert.deepStrictEqual(await Plain.gather({ a: () => 1 }, { onReceipt }), { a: 1 })
        assert.deepStrictEqual(await Plain.gather({ a: () => 1 }, { onReceipt: async () => onReceipt() }), { a: 1 })
        await until(() => said.mock.calls.length === 2)
        assert.strictEqual(String(said.mock.calls[0]?.[1]), "Error: listener")
      } finally {
        said.mockRestore()
      }
    })
  })

  describe("a wrong option", () => {
    it("is thrown as an InvalidOption, and nothing is asked", async () => {
      let asked = 0
      const a = () => ++asked
      const wrong = [
        Plain.gather({ a }, { deadline: -1 }),
        Plain.collect({ a }, { concurrency: 0 }),
        Plain.first({ a }, { grace: -1 }),
        Plain.quorum({ a }, 0),
        Plain.forEach([1], a, { deadline: -1 }),
        Plain.collectEach([1], a, { concurrency: 1.5 })
      ]
      for (const call of wrong) {
        const error = await rejection(call)
        assert.instanceOf(error, Plain.InvalidOption)
        assert.instanceOf(error, Error)
      }
      assert.strictEqual(asked, 0)
      assert.throws(() => Plain.make({ deadline: -1 }), Plain.InvalidOption, "deadline must be a duration")
    })

    it("of a stream is what reading it rejects with", async () => {
      const reading = Plain.stream({ a: () => 1 }, { deadline: -1 })[Symbol.asyncIterator]()

      assert.instanceOf(await rejection(reading.next()), Plain.InvalidOption)
    })

    it("is also a source that has been started already, as JavaScript lets one write it", async () => {
      // What the types forbid.
      const sources = { a: Promise.resolve(1) } as object as { a: Plain.Ask<number> }
      const error = await rejection(Plain.gather(sources, { name: "page" }))

      assert(error instanceof Plain.InvalidOption)
      assert.strictEqual(
        error.message,
        `Plain.gather "page": source "a" must be a function of an AbortSignal, or what is made from one, but it is "[object Promise]"`
      )
    })
  })

  describe("collect", () => {
    it("gives an outcome for each source and keeps what had finished at the deadline", async () => {
      const error = new Error("boom")
      const outcomes = await Plain.collect(
        { good: async () => 1, bad: () => Promise.reject(error), late: hangs },
        { deadline: 20 }
      )

      assert.deepStrictEqual(
        [outcomes.good._tag, outcomes.bad._tag, outcomes.late._tag],
        ["Succeeded", "Failed", "TimedOut"]
      )
      assert(outcomes.good._tag === "Succeeded" && outcomes.bad._tag === "Failed")
      expectTypeOf(outcomes.good.value).toEqualTypeOf<number>()
      assert.strictEqual(outcomes.good.value, 1)
      assert.strictEqual(outcomes.bad.error, error)
    })
  })

  describe("quorum and first", () => {
    it("answer with the first successes and abort the rest", async () => {
      const deaf = stubborn()
      const winners = await Plain.quorum(
        { a: async () => 1, b: () => Promise.reject(new Error("b")), c: async () => "c", d: deaf.ask },
        2
      )
      const winner = await Plain.first({ slow: hangs, quick: async () => 1 })

      expectTypeOf(winners).toEqualTypeOf<{ a?: number; b?: never; c?: string; d?: string }>()
      expectTypeOf(winner).toEqualTypeOf<string | number>()
      assert.deepStrictEqual(winners, { a: 1, c: "c" })
      assert.strictEqual(winner, 1)
      assert.isTrue(deaf.signals[0]?.aborted)
      deaf.settle()
    })

    it("reject with every failure as soon as too many have failed", async () => {
      const [b, c] = [new Error("b"), { c: 1 }]
      const error = await rejection(
        Plain.quorum({ a: hangs, b: () => Promise.reject(b), c: () => Promise.reject(c) }, 2)
      )

      assert(error instanceof Plain.QuorumNotReached && error instanceof Error)
      assert.isTrue(error.stack?.startsWith("QuorumNotReached: 2 of 3 sources had to succeed"))
      assert.deepStrictEqual(
        error.failures.map(({ source }) => source),
        ["b", "c"]
      )
      assert.strictEqual(error.failures[0]?.error, b)
      assert.strictEqual(error.failures[1]?.error, c)
    })
  })

  describe("forEach and collectEach", () => {
    it("answer in the order of the items, with so many at once", async () => {
      let running = 0
      let most = 0
      const doubled = async (n: number, signal: AbortSignal, index: number) => {
        most = Math.max(most, ++running)
        await sleep(5 - n, undefined, { signal })
        running--
        return [n * 2, index]
      }
      const all = await Plain.forEach([1, 2, 3, 4], doubled, { concurrency: 2 })
      const outcomes = await Plain.collectEach([1, 2, 3, 4], doubled, { concurrency: 2 })

      const expected = [1, 2, 3, 4].map((n, index) => [n * 2, index])
      assert.deepStrictEqual(all, expected)
      assert.deepStrictEqual(
        outcomes.map((outcome) => (outcome._tag === "Succeeded" ? outcome.value : outcome)),
        expected
      )
      assert.strictEqual(most, 2)
    })

    it("name the item that failed, and key outcomes by id", async () => {
      const boom = new Error("boom")
      const ask = async (item: string) => (item === "b" ? Promise.reject(boom) : item)
      const id = (item: string) => `item-${item}`
      const error = await rejection(Plain.forEach(["a", "b"], ask, { id }))
      const outcomes = await Plain.collectEach(["a", "b"], ask, { id })
      const twice = await rejection(Plain.collectEach(["a", "a"], ask, { id }))

      assert(error instanceof Plain.SourceFailed)
      assert.deepStrictEqual([error.source, error.error], ["item-b", boom])
      assert.deepStrictEqual(
        Array.from(outcomes, ([id, outcome]) => [id, outcome._tag]),
        [
          ["item-a", "Succeeded"],
          ["item-b", "Failed"]
        ]
      )
      assert.instanceOf(twice, Plain.DuplicateId)
    })

    it("pull an AsyncIterable no further ahead than there are places, and close it after a failure", async () => {
      let pulled = 0
      let closed = false
      const items = async function* () {
        try {
          for (;;) yield ++pulled
        } finally {
          closed = true
        }
      }
      let asked = 0
      const ask = async (n: number) => {
        asked = Math.max(asked, n)
        assert.isAtMost(pulled - asked, 3)
        await sleep(1)
        if (n === 9) throw new Error("ninth")
      }
      const error = await rejection(Plain.forEach(items(), ask, { concurrency: 2, buffer: 1 }))

      assert(error instanceof Plain.SourceFailed && error.error instanceof Error)
      assert.strictEqual(error.error.message, "ninth")
      assert.isAtMost(pulled, 9 + 3)
      await until(() => closed)
    })

    it("say what an AsyncIterable failed with, untouched", async () => {
      const broken = { broken: true }
      const items = async function* () {
        yield 1
        throw broken
      }
      const plain = await rejection(Plain.forEach(items(), (n) => n))
      const kept = await rejection(Plain.collectEach(items(), (n) => n, { id: String }))

      assert.strictEqual(plain, broken)
      assert(kept instanceof Plain.InputFailed)
      assert.strictEqual(kept.error, broken)
      assert.deepStrictEqual(Array.from(kept.outcomes.keys()), ["1"])
    })
  })

  describe("stream", () => {
    it("yields outcomes in order of arrival, each time it is read", async () => {
      let asked = 0
      const outcomes = Plain.stream({
        slow: async () => sleep(20, "slow"),
        quick: async () => ++asked,
        bad: () => Promise.reject(new Error("bad"))
      })
      assert.strictEqual(asked, 0)
      for (const round of [1, 2]) {
        const seen: Array<string> = []
        for await (const [name, outcome] of outcomes) {
          seen.push(`${name} ${outcome._tag}`)
          if (name === "quick" && outcome._tag === "Succeeded") expectTypeOf(outcome.value).toEqualTypeOf<number>()
        }
        assert.deepStrictEqual(seen, ["quick Succeeded", "bad Failed", "slow Succeeded"])
        assert.strictEqual(asked, round)
      }
    })

    it("yields what is missing at the deadline, and ends", async () => {
      const seen: Array<string> = []
      for await (const [name, outcome] of Plain.stream({ late: hangs, quick: () => 1 }, { deadline: 20 }))
        seen.push(`${name} ${outcome._tag}`)

      assert.deepStrictEqual(seen, ["quick Succeeded", "late TimedOut"])
    })

    it("cancels the rest when its reader stops", async () => {
      const deaf = stubborn()
      for await (const [name] of Plain.stream({ deaf: deaf.ask, quick: async () => sleep(5) })) {
        assert.strictEqual(name, "quick")
        break
      }

      await until(() => deaf.signals[0]?.aborted === true)
      deaf.settle()
    })

    it("can be stopped while its reader waits", async () => {
      const deaf = stubborn()
      const reading = Plain.stream({ deaf: deaf.ask })[Symbol.asyncIterator]()
      const next = reading.next()
      await until(() => deaf.signals.length === 1)
      await reading.return!()

      assert.deepStrictEqual(await next, { done: true, value: undefined })
      await until(() => deaf.signals[0]?.aborted === true)
      deaf.settle()
    })

    it("rejects with the reason of the signal when it is aborted, and then ends", async () => {
      const controller = new AbortController()
      const deaf = stubborn()
      const reading = Plain.stream({ deaf: deaf.ask }, { signal: controller.signal })[Symbol.asyncIterator]()
      const next = rejection(reading.next())
      await until(() => deaf.signals.length === 1)
      controller.abort("gone")

      assert.strictEqual(await next, "gone")
      assert.deepStrictEqual(await reading.next(), { done: true, value: undefined })
      await until(() => deaf.signals[0]?.aborted === true)
      deaf.settle()

      const late = Plain.stream({ a: () => 1 }, { signal: controller.signal })[Symbol.asyncIterator]()
      assert.strictEqual(await rejection(late.next()), "gone")
    })
  })

  describe("make", () => {
    it("gives an aggregator whose options hold for all its calls", async () => {
      const muster = Plain.make({ deadline: 20, concurrency: 1 })
      const error = await rejection(muster.gather({ a: hangs, b: hangs }, { deadline: 600_000 }))
      const input = await rejection(
        muster.forEach(
          (async function* () {
            yield 1
          })(),
          (_, signal) => hangs(signal)
        )
      )

      assert(error instanceof Plain.DeadlineExceeded)
      assert.deepStrictEqual(
        error.receipt?.sources.map(({ outcome }) => outcome),
        ["timed-out", "not-started"]
      )
      assert.instanceOf(input, Plain.DeadlineExceeded)
      await muster.close()
    })

    it("hands out the receipts of all calls from then on, until it is closed", async () => {
      const muster = Plain.make()
      await muster.gather({ a: () => 1 }, { name: "before" })
      const receipts = muster.receipts()
      const slow = stubborn()
      await muster.gather({ a: () => 1 }, { name: "one" })
      await muster.first({ quick: () => 1, slow: slow.ask }, { name: "slow" })
      await muster.gather({ a: () => 1 }, { name: "two" })
      slow.settle()
      await muster.close()
      const names: Array<string> = []
      for await (const receipt of receipts) names.push(receipt.aggregation)

      assert.deepStrictEqual(names, ["one", "two", "slow"])
      assert.deepStrictEqual(await muster.receipts().next(), { done: true, value: undefined })
    })

    it("is closed once the cleanup of what was cancelled before has ended", async () => {
      const muster = Plain.make()
      const slow = stubborn()
      await rejection(muster.gather({ bad: () => Promise.reject(new Error("boom")), slow: slow.ask }))
      let closed = false
      const closing = muster.close().then(() => (closed = true))
      await sleep(10)

      assert.isFalse(closed)
      slow.settle()
      await closing
      assert.strictEqual(muster.close(), muster.close())
    })

    it("cancels the calls that run when it is closed, and waits for their cleanup too", async () => {
      const { onReceipt, receipts } = receiving()
      const muster = Plain.make()
      const slow = stubborn()
      const call = rejection(muster.gather({ slow: slow.ask }, { name: "page", onReceipt }))
      const reading = rejection(muster.stream({ hung: hangs })[Symbol.asyncIterator]().next())
      await until(() => slow.signals.length === 1)
      let closed = false
      const closing = muster.close().then(() => (closed = true))

      const errors = [await call, await reading]
      errors.forEach((error) => assert.instanceOf(error, Plain.AggregatorClosed))
      assert.strictEqual(
        String(errors[0]),
        `AggregatorClosed: The aggregator was closed: "page" gets no answer from it`
      )
      await until(() => slow.signals[0]?.aborted === true)
      await sleep(10)
      assert.isFalse(closed)
      assert.strictEqual(receipts.length, 0)
      slow.settle()
      await closing
      assert.strictEqual(receipts.length, 1)
    })

    it("gives up after its closeTimeout on what does not stop, and says so in the receipt", async () => {
      const { onReceipt, receipts } = receiving()
      const muster = Plain.make({ closeTimeout: 20 })
      const deaf = stubborn()
      await rejection(muster.gather({ deaf: deaf.ask }, { deadline: 5, onReceipt }))
      await muster.close()

      assert.deepStrictEqual(
        receipts.map((receipt) => receipt.sources[0]?.cleanup),
        ["gave-up"]
      )
      deaf.settle()
    })

    it("answers no call after it was closed", async () => {
      const muster = Plain.make()
      await muster.close()
      let asked = 0
      const a = () => ++asked

      assert.instanceOf(await rejection(muster.gather({ a })), Plain.AggregatorClosed)
      assert.instanceOf(await rejection(muster.collectEach([1], a)), Plain.AggregatorClosed)
      assert.instanceOf(await rejection(muster.stream({ a })[Symbol.asyncIterator]().next()), Plain.AggregatorClosed)
      assert.strictEqual(asked, 0)
    })
  })

  it("leaves no rejection unhandled, also of sources that reject after they were cancelled", async () => {
    const late = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => setTimeout(() => reject(new Error("late")), 2))
      })
    const fails = () => Promise.reject(new Error("boom"))
    const controller = new AbortController()
    const { onReceipt, receipts } = receiving()
    const calls = [
      Plain.gather({ late, fails, fails2: fails }, { onReceipt }),
      Plain.gather({ late, fails: Plain.optional(fails) }, { deadline: 5, onReceipt }),
      Plain.collect({ late, fails }, { deadline: 5, onReceipt }),
      Plain.quorum({ late, fails, fails2: fails }, 2, { onReceipt }),
      Plain.forEach([late, fails], (ask, signal) => ask(signal), { onReceipt }),
      Plain.gather({ late, late2: late }, { signal: controller.signal, onReceipt })
    ]
    const settled = Promise.allSettled(calls)
    await sleep(10)
    controller.abort()
    await settled
    for await (const [name] of Plain.stream({ fails, late }, { onReceipt })) if (name === "fails") break
    await until(() => receipts.length === 7)
    await sleep(10)

    assert.deepStrictEqual(unhandled, [])
  })
})
