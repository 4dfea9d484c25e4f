/**
 * Spans to a collector, over OTLP, as the `OTEL_*` variables say.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { Config, ConfigError, Effect, Either, Layer, Option, Schema } from "effect"
import * as TraceContext from "../TraceContext.ts"

/**
 * Traces are wanted, and what sends them is not installed.
 *
 * @since 0.1.0
 * @category errors
 */
export class TracingMissing extends Schema.TaggedError<TracingMissing>("effect-muster/Server/TracingMissing")(
  "TracingMissing",
  {}
) {
  override get message() {
    return "OTEL_* asks for traces, which need a package that is not installed: npm install @effect/opentelemetry@0.64"
  }
}

/**
 * Where spans go, and how.
 *
 * @since 0.1.0
 * @category models
 */
export interface TracingSettings {
  readonly url: string
  readonly protocol: "http/json" | "http/protobuf"
  readonly headers: Readonly<Record<string, string>>
  /** `undefined`: it stands in `OTEL_RESOURCE_ATTRIBUTES`. */
  readonly serviceName: string | undefined
  /** Milliseconds from one export to the next. */
  readonly delay: number
  readonly batch: number
}

const text = (...names: ReadonlyArray<string>): Config.Config<string | undefined> =>
  Config.all(names.map((name) => Config.option(Config.string(name)))).pipe(
    // The first that is set and not empty, as the specification has it.
    Config.map((values) => values.flatMap(Option.toArray).find((value) => value.trim() !== ""))
  )

const whole = (name: string, otherwise: number): Config.Config<number> =>
  Config.mapOrFail(text(name), (given = String(otherwise)) =>
    /^[1-9]\d{0,8}$/.test(given)
      ? Either.right(Number(given))
      : invalid(name, `a whole number from 1 up, but it is ${JSON.stringify(given)}`)
  )

const invalid = (name: string, expected: string) =>
  Either.left(ConfigError.InvalidData([name], `${name} must be ${expected}`))

/**
 * Reads the variables; `undefined` when no traces are wanted: neither an endpoint nor `OTEL_TRACES_EXPORTER=otlp` is set,
 * or `OTEL_SDK_DISABLED=true` or `OTEL_TRACES_EXPORTER=none` is.
 *
 * `OTEL_EXPORTER_OTLP_ENDPOINT`, `_PROTOCOL` and `_HEADERS` (and the same with `_TRACES_`, which count first),
 * `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_SCHEDULE_DELAY` and `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`. There is
 * no gRPC, and no sampler: every span is sent but for those of a trace that the caller does not sample.
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter
 * @since 0.1.0
 * @category config
 */
export const settings: Config.Config<TracingSettings | undefined> = Config.all({
  disabled: text("OTEL_SDK_DISABLED"),
  exporter: text("OTEL_TRACES_EXPORTER"),
  whole: text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
  base: text("OTEL_EXPORTER_OTLP_ENDPOINT"),
  protocol: text("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
  headers: text("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
  serviceName: text("OTEL_SERVICE_NAME"),
  attributes: text("OTEL_RESOURCE_ATTRIBUTES"),
  delay: whole("OTEL_BSP_SCHEDULE_DELAY", 5_000),
  batch: whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)
}).pipe(
  Config.mapOrFail(({ attributes = "", base, batch, delay, disabled, exporter, headers, protocol, ...given }) => {
    const asked = given.whole ?? base ?? (exporter === "otlp" ? "http://localhost:4318" : undefined)
    if (disabled === "true" || exporter === "none" || asked === undefined) return Either.right(undefined)
    if (!URL.canParse(asked) || !/^https?:/i.test(asked))
      return invalid(given.whole === undefined ? "OTEL_EXPORTER_OTLP_ENDPOINT" : endpoint, "a URL of http or https")
    if (protocol !== undefined && protocol !== "http/json" && protocol !== "http/protobuf")
      return invalid("OTEL_EXPORTER_OTLP_PROTOCOL", `http/protobuf or http/json, but it is ${JSON.stringify(protocol)}`)
    return Either.right({
      url: given.whole ?? `${asked.replace(/\/+$/, "")}/v1/traces`,
      protocol: protocol ?? "http/protobuf",
      headers: pairs(headers ?? ""),
      serviceName: given.serviceName ?? (pairs(attributes)["service.name"] === undefined ? "muster" : undefined),
      delay,
      batch
    })
  })
)

const endpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"

/** `a=1,b=2`, percent-encoded. */
const pairs = (list: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    list.split(",").flatMap((pair) => {
      const at = pair.indexOf("=")
      return at < 1 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())]]
    })
  )

const decoded = (value: string): string => {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/**
 * Sends the spans of what is built on it; does nothing where no traces are wanted. A collector that is away is tried again
 * after a minute; until then spans are dropped.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never, ConfigError.ConfigError | TracingMissing> = Layer.unwrapEffect(
  Effect.flatMap(settings, (wanted) => (wanted === undefined ? Effect.succeed(Layer.empty) : sending(wanted)))
)

const sending = ({ batch, delay, headers, protocol, serviceName, url }: TracingSettings) =>
  Effect.tryPromise({
    try: () =>
      Promise.all([import("@effect/opentelemetry/OtlpTracer"), import("@effect/opentelemetry/OtlpSerialization")]),
    catch: () => new TracingMissing()
  }).pipe(
    Effect.map(([OtlpTracer, Serialization]) =>
      // It would send every span, also of a trace that its caller does not sample.
      Layer.unwrapScoped(
        Effect.map(
          OtlpTracer.make({ url, headers, exportInterval: delay, maxBatchSize: batch, resource: { serviceName } }),
          (tracer) => Layer.setTracer(TraceContext.sampledOnly(tracer))
        )
      ).pipe(
        Layer.provide(protocol === "http/json" ? Serialization.layerJson : Serialization.layerProtobuf),
        Layer.provide(FetchHttpClient.layer)
      )
    )
  )
