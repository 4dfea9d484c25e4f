/**
 * What goes over the wire: rows that do not fit, answers that are too long, parameters that are hostile, secrets.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Logger, LogLevel, Record, Stream, Tracer } from "effect"
import { inspect } from "node:util"
import { Aggregator } from "../../../src/Aggregator.ts"
import { type Adapter, type LayerOptions, type Test } from "./Adapter.ts"
import { answered, build, failed, stage, until } from "./Stage.ts"

const hostile = [
  `'; DROP TABLE products; --`,
  `" OR ""="`,
  `\\'; SELECT 1; --`,
  "`$1` ? :name @p %s {{x}} ${y}",
  `1\r\nFLUSHALL\r\n`,
  `{"$gt":""}`,
  "Zoë 漢字 🦉",
  "",
  "x".repeat(70_000)
]

export const answers = <R>(test: Test, adapter: Adapter<R>) => {
  test("what does not fit its schema is SourceMalformed, with the path of the field", () =>
    Effect.gen(function* () {
      const { url } = yield* stage(adapter)
      const { run } = yield* build(adapter, url)

      const error = yield* failed(run(adapter.misfit), "SourceMalformed")

      assert.match(error.reason, /\bprice: expected /)
    }))

  test("an answer that is too long is refused, and stops", () =>
    Effect.gen(function* () {
      const { url, watch } = yield* stage(adapter)
      const maxBytes = 100_000
      const { run } = yield* build(adapter, url, { maxBytes })

      const error = yield* failed(run(adapter.large(3_000_000, maxBytes)), "SourceMalformed")
      yield* answered(run(adapter.large(20_000, maxBytes)))

      assert.match(error.reason, /100000 bytes/)
      yield* until("calls", watch.busy, 0)
      yield* answered(run(adapter.quick))
    }))

  test("parameters arrive as they were sent, whatever they say", () =>
    Effect.gen(function* () {
      const { url } = yield* stage(adapter)
      const { run } = yield* build(adapter, url)

      for (const text of hostile) assert.strictEqual(yield* answered(run(adapter.echo(text))), text)
    }))

  if (adapter.isForeign) return

  test("no error, log, span or receipt has a password, or a parameter", () =>
    Effect.gen(function* () {
      const { server, url, watch, ...others } = yield* stage(adapter)
      const seen: Array<string> = []
      const note = (value: unknown) => Effect.sync(() => void seen.push(textOf(value)))
      const logger = Logger.make(
        ({ annotations, cause, message, spans }) => void seen.push(textOf([message, cause, annotations, spans]))
      )
      const secret = "t0p-secret-parameter"
      const calls = {
        good: adapter.echo(secret),
        late: Effect.zipRight(adapter.echo(secret), adapter.busyFor(30_000)),
        misfit: adapter.misfit
      }
      const page = (address: string, fault: Effect.Effect<void>, options?: Partial<LayerOptions>) =>
        Effect.gen(function* () {
          const { run } = yield* build(adapter, address, options)
          yield* fault
          const outcomes = yield* Aggregator.collect("page", Record.map(calls, run), { deadline: 300 })
          // What was asked for is no secret to who asked.
          yield* Effect.forEach(
            Object.values(outcomes).filter(({ _tag }) => _tag !== "Succeeded"),
            note
          )
        })

      yield* Effect.gen(function* () {
        yield* Effect.forkScoped(Stream.runForEach(Aggregator.receipts, note))
        yield* Effect.yieldNow()
        yield* page(url, Effect.void)
        if ("proxy" in others) {
          yield* page(url.replace(server.password, `${server.password}-not`), Effect.void)
          // Some look for another server until they give up.
          yield* page(url, others.proxy.refuse, { connectTimeout: 100 })
        }
        yield* Aggregator.settled
      }).pipe(
        Effect.provide(Aggregator.layer()),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(LogLevel.All),
        Effect.withTracer(noting(seen))
      )

      const all = seen.join("\n")
      const words = [
        "succeeded",
        "SourceMalformed",
        ...("proxy" in others ? ["SourceUnavailable", "SourceRejected"] : [])
      ]
      for (const word of words) assert.include(all, word)
      assert.notInclude(all, server.password)
      assert.notInclude(all, secret)
      yield* until("calls", watch.busy, 0)
    }))
}

/** Everything in it, also what JSON leaves out: the text of errors, their causes, maps. */
const textOf = (value: unknown) =>
  inspect(value, { depth: 12, showHidden: true, maxArrayLength: null, maxStringLength: null })

/** A tracer that writes down what each span says. */
const noting = (seen: Array<string>) =>
  Tracer.make({
    context: (run) => run(),
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const span: Tracer.Span = {
        _tag: "Span",
        spanId: "1".repeat(16),
        traceId: "1".repeat(32),
        sampled: true,
        status: { _tag: "Started", startTime },
        name,
        parent,
        context,
        links,
        kind,
        attributes,
        attribute: (key, value) => void attributes.set(key, value),
        event: (name, _at, attributes) => void seen.push(textOf([name, attributes])),
        addLinks: () => {},
        end: (_at, exit) => void seen.push(textOf([name, attributes, Exit.isFailure(exit) ? exit.cause : undefined]))
      }
      return span
    }
  })
