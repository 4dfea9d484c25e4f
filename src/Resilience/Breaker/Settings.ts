/**
 * How a breaker works.
 *
 * @since 0.1.0
 */
import type { Duration } from "effect"
import * as Options from "../../Options.ts"
import * as Bounds from "../Bounds.ts"
import type { CircuitOptions } from "./Circuit.ts"
import * as Trip from "./Trip.ts"
import * as Verdict from "./Verdict.ts"

/**
 * How a breaker works; all of it may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface BreakerOptions {
  /** Its name in errors, logs and metrics; default `"unnamed"`. */
  readonly name?: string | undefined
  /** When it opens: `consecutive(5)`, or `rate({ … })`, which is the default. */
  readonly trip?: Trip.Trip | undefined
  /** How long it stays open before it lets a probe through; default 5 seconds. */
  readonly openFor?: Duration.DurationInput | undefined
  /** How many probes it lets through, and must succeed, before it closes; default 1. */
  readonly probes?: number | undefined
  /**
   * A call that takes longer than this has failed, however it ends, also one that is interrupted after it: it was slow
   * before. Default: no call is too slow.
   */
  readonly slowAfter?: Duration.DurationInput | undefined
  /**
   * What an error says of the source. By default it has failed, except that `SourceRejected` is an answer, and what other
   * guards refuse, or `DeadlineExceeded`, says nothing.
   */
  readonly classify?: ((error: unknown) => Verdict.Verdict) | undefined
}

/**
 * The options, read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly name: string
  readonly circuit: CircuitOptions
  readonly slowAfter: number
  readonly classify: (error: unknown) => Verdict.Verdict
}

/**
 * Reads the options, and refuses what cannot be meant.
 *
 * @since 0.1.0
 * @category checks
 */
export const read = (where: string, options: BreakerOptions): Settings => ({
  name: options.name ?? "unnamed",
  circuit: {
    trip: options.trip ?? Trip.rate(),
    openFor: Bounds.span(where, "openFor", options.openFor ?? "5 seconds"),
    probes: Options.count(where, "probes", options.probes ?? 1)
  },
  slowAfter: Options.duration(where, "slowAfter", options.slowAfter ?? Infinity),
  classify: options.classify ?? Verdict.ofError
})
