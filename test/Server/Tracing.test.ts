import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Effect, Exit, Layer, Logger, Option, Scope } from "effect"
import type { IncomingMessage } from "node:http"
import { Aggregator } from "../../src/Aggregator.ts"
import { Server } from "../../src/Server.ts"
import * as Tracing from "../../src/Server/Tracing.ts"
import { ask, dashboard, named, upstream } from "./Stage.ts"

const withEnvironment = (environment: Record<string, string>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(environment))))

const read = (environment: Record<string, string>) => withEnvironment(environment)(Tracing.settings)

const base = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" }

describe("the OTEL_* variables", () => {
  it.effect("want no traces unless they say so", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* read({}))
      assert.isUndefined(yield* read({ OTEL_EXPORTER_OTLP_ENDPOINT: "" }))
      assert.isUndefined(yield* read({ ...base, OTEL_SDK_DISABLED: "true" }))
      assert.isUndefined(yield* read({ ...base, OTEL_TRACES_EXPORTER: "none" }))
      assert.strictEqual((yield* read({ OTEL_TRACES_EXPORTER: "otlp" }))?.url, "http://localhost:4318/v1/traces")
    })
  )

  it.effect("say where to, how, and as whom", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read(base), {
        url: "http://collector:4318/v1/traces",
        protocol: "http/protobuf",
        headers: {},
        serviceName: "muster",
        delay: 5_000,
        batch: 512
      })
      assert.deepStrictEqual(
        yield* read({
          ...base,
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://other/traces",
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
          OTEL_EXPORTER_OTLP_HEADERS: "api-key=a%20b, x=y=z,",
          OTEL_SERVICE_NAME: "shop",
          OTEL_BSP_SCHEDULE_DELAY: "100",
          OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "7"
        }),
        {
          url: "https://other/traces",
          protocol: "http/json",
          headers: { "api-key": "a b", x: "y=z" },
          serviceName: "shop",
          delay: 100,
          batch: 7
        }
      )
      assert.isUndefined((yield* read({ ...base, OTEL_RESOURCE_ATTRIBUTES: "service.name=shop" }))?.serviceName)
    })
  )

  it.effect("are refused by name when they cannot be meant", () =>
    Effect.gen(function* () {
      for (const [name, value] of [
        ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector"],
        ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector"],
        ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
        ["OTEL_BSP_SCHEDULE_DELAY", "soon"]
      ] as const) {
        const exit = yield* Effect.exit(read({ ...base, [name]: value }))
        assert(Exit.isFailure(exit))
        assert.include(String(Option.getOrThrow(Cause.failureOption(exit.cause))), name)
      }
    })
  )
})

interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Record<string, unknown> }>
}

describe("a collector", () => {
  it.scopedLive(
    "is sent the spans of a request that is sampled, one within the other, when the server ends at the latest",
    () =>
      Effect.gen(function* () {
        const bodies: Array<string> = []
        const heads: Array<IncomingMessage> = []
        const collector = yield* upstream((request, response) => {
          let body = ""
          request.on("data", (chunk) => (body += String(chunk)))
          request.on("end", () => {
            heads.push(request)
            bodies.push(body)
            response.setHeader("content-type", "application/json").end("{}")
          })
        })
        const environment = {
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
          OTEL_EXPORTER_OTLP_HEADERS: "api-key=secret",
          OTEL_SERVICE_NAME: "shop"
        }
        const scope = yield* Scope.make()
        const layer = Server.layer([dashboard(named, Effect.succeed(1))], { port: 0 }).pipe(
          Layer.provide(Aggregator.layer()),
          Layer.provide(Tracing.layer),
          Layer.provide(Logger.remove(Logger.defaultLogger))
        )
        const context = yield* Layer.build(layer).pipe(Scope.extend(scope), withEnvironment(environment))
        const { url } = yield* Effect.provide(Server, context)
        const trace = "0af7651916cd43dd8448eb211c80319c"
        yield* ask(`${url}/dashboard?id=secret`, {
          headers: { traceparent: `00-${trace}-b7ad6b7169203331-01`, cookie: "session=secret" }
        })
        const unsampled = trace.replace("0", "1")
        yield* ask(`${url}/dashboard?id=1`, { headers: { traceparent: `00-${unsampled}-b7ad6b7169203331-00` } })
        yield* Scope.close(scope, Exit.void)

        assert.notInclude(bodies.join(), unsampled)
        assert.deepStrictEqual([heads[0]?.url, heads[0]?.headers["api-key"]], ["/v1/traces", "secret"])
        const { resourceSpans } = JSON.parse(bodies[0]!) as {
          resourceSpans: [{ resource: Pick<Span, "attributes">; scopeSpans: [{ spans: ReadonlyArray<Span> }] }]
        }
        const [{ resource, scopeSpans }] = resourceSpans
        assert.deepInclude(resource.attributes, { key: "service.name", value: { stringValue: "shop" } })
        const spans = new Map(scopeSpans[0].spans.map((span) => [span.name, span]))
        assert.hasAllKeys(spans, ["GET /dashboard", "dashboard failFast", "source profile", "source orders"])
        const parentOf = (name: string) =>
          Array.from(spans.values()).find(({ spanId }) => spanId === spans.get(name)!.parentSpanId)?.name
        assert.strictEqual(spans.get("GET /dashboard")!.parentSpanId, "b7ad6b7169203331")
        assert.strictEqual(parentOf("dashboard failFast"), "GET /dashboard")
        assert.strictEqual(parentOf("source profile"), "dashboard failFast")
        assert.deepStrictEqual(new Set(Array.from(spans.values(), ({ traceId }) => traceId)), new Set([trace]))
        assert.notInclude(bodies.join(), "secret")
        assert.deepInclude(spans.get("GET /dashboard")!.attributes, {
          key: "http.response.status_code",
          value: { intValue: 200 }
        })
      })
  )
})
