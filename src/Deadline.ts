/**
 * The ambient deadline: the instant by which the answer leaves.
 *
 * It is only ever shortened by a deadline inside it, and is carried over the wire as the time that remains.
 *
 * @since 0.1.0
 */
import { Context, Duration, Effect, Option, Schema } from "effect"
import * as Options from "./Options.ts"
import { Receipt } from "./Receipt.ts"

/**
 * The deadline struck before there was an answer.
 *
 * @since 0.1.0
 * @category errors
 */
export class DeadlineExceeded extends Schema.TaggedError<DeadlineExceeded>("effect-muster/Deadline/DeadlineExceeded")(
  "DeadlineExceeded",
  {
    /** How many milliseconds there were from the start to the deadline; 0 when it had passed before the start. */
    deadline: Schema.Number,
    /** The sources that were still awaited, in the order in which they were given. */
    pending: Schema.Array(Schema.String),
    receipt: Schema.optional(Receipt)
  }
) {
  override get message() {
    const limit = Duration.format(Duration.millis(this.deadline < 1 ? this.deadline : Math.round(this.deadline)))
    return this.deadline <= 0
      ? `The deadline had passed before anything was asked: ${list(this.pending)}`
      : `The deadline of ${limit} passed while waiting for ${list(this.pending)}`
  }
}

const list = (names: ReadonlyArray<string>): string => {
  const shown = names.slice(0, 5).map((name) => `"${name}"`)
  const more = names.length - shown.length
  return shown.length === 0 ? "nothing" : shown.join(", ") + (more > 0 ? ` and ${more} more` : "")
}

/**
 * The ambient deadline in milliseconds on the Clock service's own scale (its nanoseconds, which never jump), `Infinity`
 * when there is none.
 *
 * @since 0.1.0
 * @category services
 */
export class Current extends Context.Reference<Current>()("effect-muster/Deadline", {
  defaultValue: (): number => Infinity
}) {}

/**
 * Now, on the scale of {@link Current}.
 *
 * @since 0.1.0
 * @category getters
 */
export const now: Effect.Effect<number> = Effect.map(
  Effect.clock,
  (clock) => Number(clock.unsafeCurrentTimeNanos()) / 1e6
)

/**
 * Sets the ambient deadline of an effect, unless a nearer one is set already.
 *
 * It does not race: it tells everything inside (gathers, guards, adapters) how long they have. To be interrupted at the
 * deadline, ask through a gather.
 *
 * @since 0.1.0
 * @category deadlines
 */
export const within =
  (duration: Duration.DurationInput) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(until(duration), (deadline) => Effect.provideService(effect, Current, deadline))

/**
 * The nearer of the ambient deadline and the one after this duration, on the scale of {@link Current}.
 *
 * @since 0.1.0
 * @category deadlines
 */
export const until = (duration: Duration.DurationInput): Effect.Effect<number> =>
  Effect.flatMap(Current, (current) =>
    Effect.map(now, (instant) => Math.min(current, instant + Options.duration("Deadline.within", "duration", duration)))
  )

/**
 * How much time remains: zero when the deadline has passed, infinity when there is none.
 *
 * @since 0.1.0
 * @category getters
 */
export const remaining: Effect.Effect<Duration.Duration> = Effect.zipWith(Current, now, (deadline, instant) =>
  deadline === Infinity ? Duration.infinity : Duration.millis(Math.max(0, deadline - instant))
)

/**
 * The headers that tell an upstream service how long it has: `grpc-timeout` and `x-envoy-expected-rq-timeout-ms`, in
 * whole milliseconds rounded down. Empty when there is no deadline.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 * @since 0.1.0
 * @category headers
 */
export const toHeaders: Effect.Effect<Readonly<Record<string, string>>> = Effect.map(remaining, (left) =>
  headersOf(Duration.toMillis(left))
)

/**
 * {@link toHeaders} for so many milliseconds, for who knows how many there are.
 *
 * @since 0.1.0
 * @category headers
 */
export const headersOf = (left: number): Readonly<Record<string, string>> => {
  if (left === Infinity) return {}
  const millis = Math.floor(left)
  // grpc-timeout has at most eight digits: beyond 27 hours it is given in seconds.
  const grpc = millis < 1e8 ? `${millis}m` : `${Math.min(99_999_999, Math.floor(millis / 1000))}S`
  return { "grpc-timeout": grpc, "x-envoy-expected-rq-timeout-ms": String(Math.min(1e15 - 1, millis)) }
}

const grpcUnits: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }

/**
 * Reads how long a caller is willing to wait, in milliseconds, from `grpc-timeout`, `x-envoy-expected-rq-timeout-ms` and
 * `Prefer: wait=SECONDS`; the shortest counts. A header that cannot be read is passed over, since a caller's broken
 * header must not make the answer late or early. Names of headers are in lower case.
 *
 * @since 0.1.0
 * @category headers
 */
export const fromHeaders = (headers: Readonly<Record<string, string | undefined>>): Option.Option<number> => {
  const grpc = /^(\d{1,8})([HMSmun])$/.exec(headers["grpc-timeout"]?.trim() ?? "")
  const envoy = /^\d{1,15}$/.exec(headers["x-envoy-expected-rq-timeout-ms"]?.trim() ?? "")
  const prefer = /(?:^|[,;\s])wait\s*=\s*("?)(\d{1,9})\1\s*(?=$|[,;])/i.exec(headers["prefer"] ?? "")
  const waits = [
    grpc && Number(grpc[1]) * grpcUnits[grpc[2]!]!,
    envoy && Number(envoy[0]),
    prefer && Number(prefer[2]) * 1_000
  ].filter((wait) => wait !== null)
  return waits.length === 0 ? Option.none() : Option.some(Math.min(...waits))
}
