/**
 * One connection while somebody has it: what is asked over it, and how it is made quiet again when nobody wants the answer.
 *
 * @since 0.1.0
 */
import { Cause, Deferred, Duration, Effect, Exit, Fiber, FiberId, Option } from "effect"
import type * as Cleanup from "../../Cleanup.ts"
import * as Deadline from "../../Deadline.ts"
import * as Permits from "../../Permits.ts"
import { type Asked, Asking } from "../../Receipt/Asking.ts"
import { SourceMalformed, SourceRejected, SourceUnavailable, type SourceError } from "../../Source.ts"
import type { Fault } from "../Fault.ts"
import * as Faults from "../Fault.ts"
import type { Driver } from "../Pool.ts"
import { exitWithin, leave } from "./Waiting.ts"

export {
  /** @since 0.1.0 */
  slack
} from "./Waiting.ts"

/**
 * The error of the source that is asked now, made of what a driver says.
 *
 * @since 0.1.0
 * @category errors
 */
export const failed = (where: string, fault: Fault & { readonly cause?: unknown }): Effect.Effect<never, SourceError> =>
  Effect.flatMap(Asking, ({ name }): Effect.Effect<never, SourceError> => {
    const cause = fault.cause === undefined ? {} : { cause: fault.cause }
    const fields = { source: name, reason: `${where}: ${fault.reason}`, ...cause }
    if (fault.kind === "rejected") return new SourceRejected(fields)
    return fault.kind === "malformed" ? new SourceMalformed(fields) : new SourceUnavailable(fields)
  })

/**
 * What a pool and its leases share.
 *
 * @since 0.1.0
 * @category models
 */
export interface Shared<C> {
  readonly driver: Driver<C>
  /** In milliseconds. */
  readonly grace: number
  readonly isClosed: () => boolean
}

/**
 * A connection that is held, from the taking of it until its scope closes.
 *
 * @since 0.1.0
 * @category models
 */
export class Lease<C> {
  /** Ends when the last cleanup has; undefined while the wire is the holder's. */
  private cleaning: Effect.Effect<void> | undefined = undefined
  /** One exchange at a time, in the order of asking. */
  private readonly lane = Permits.make(1)
  private isReleased = false
  private asked: Fiber.RuntimeFiber<unknown, Fault> | undefined = undefined

  constructor(
    readonly connection: C,
    private readonly shared: Shared<C>,
    private readonly owner: Cleanup.Registry,
    private readonly asking: Asked,
    private readonly giveBack: () => Effect.Effect<void>
  ) {}

  /**
   * Sends something and waits for the answer. The exchange must end when the wire is quiet, and not before; nobody
   * interrupts it. When the one who asked is interrupted, or the deadline passes, the driver tells the server to stop, and
   * nobody waits for that but the next one who asks and the give-back.
   */
  ask<A>(exchange: Effect.Effect<A, Fault>): Effect.Effect<A, SourceError> {
    return this.lane.with()(this.exchange(exchange))
  }

  private exchange<A>(exchange: Effect.Effect<A, Fault>): Effect.Effect<A, SourceError> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.zipRight(
        Effect.suspend(() => (this.cleaning === undefined ? Effect.void : restore(this.cleaning))),
        Effect.flatMap(Deadline.remaining, (remaining) => {
          const left = Duration.toMillis(remaining)
          if (this.isReleased) return this.refuse(Faults.rejected("the connection was given back already"))
          if (!this.alive) return this.refuse(Faults.unavailable("the connection was lost"))
          if (left <= 0) return this.refuse(Faults.unavailable("the deadline had passed before it was asked"))
          // Nobody interrupts it, but races within it must be able to.
          return Effect.flatMap(Effect.forkDaemon(Effect.interruptible(exchange)), (fiber) => {
            this.asked = fiber
            return restore(exitWithin(fiber, left)).pipe(
              Effect.onInterrupt(() => this.stop(fiber)),
              Effect.flatMap((exit) => this.ended(fiber, exit))
            )
          })
        })
      )
    )
  }

  private ended<A>(
    fiber: Fiber.RuntimeFiber<A, Fault>,
    exit: Option.Option<Exit.Exit<A, Fault>>
  ): Effect.Effect<A, SourceError> {
    if (Option.isNone(exit)) {
      const late = Faults.unavailable("there was no answer before the deadline")
      return Effect.zipRight(this.stop(fiber), this.refuse(late))
    }
    this.asked = undefined
    if (Exit.isSuccess(exit.value)) return Effect.succeed(exit.value.value)
    const fault = Cause.failureOption(exit.value.cause)
    if (Option.isSome(fault)) return this.refuse(fault.value)
    // After a defect in a driver nothing is known of the wire.
    this.destroy()
    return Effect.die(Cause.squash(exit.value.cause))
  }

  /**
   * Does what must be done before the connection is used again, such as a rollback, without anybody waiting for it. If it
   * fails, or takes longer than the grace, the connection is destroyed.
   */
  tidy(work: Effect.Effect<unknown, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const done = Deferred.unsafeMake<void>(FiberId.none)
      const before = this.cleaning ?? Effect.void
      const cleaning = Deferred.await(done)
      this.cleaning = cleaning
      const bounded = Effect.interruptible(work).pipe(
        Effect.timeoutFail({ duration: this.shared.grace, onTimeout: () => "late" }),
        Effect.catchAllCause(() => Effect.sync(() => this.destroy()))
      )
      const ended = Effect.sync(() => {
        if (this.cleaning === cleaning) this.cleaning = undefined
        Deferred.unsafeDone(done, Exit.void)
      })
      return this.leave(
        Effect.ensuring(
          Effect.zipRight(
            before,
            Effect.when(bounded, () => this.alive)
          ),
          ended
        )
      )
    })
  }

  /** Gives the connection back, once it is quiet and nothing is left unfinished on it. */
  readonly release: Effect.Effect<void> = Effect.suspend(() => {
    this.isReleased = true
    const { unfinished } = this
    if (this.asked === undefined && this.cleaning === undefined && unfinished === undefined) return this.giveBack()
    return (this.asked === undefined ? Effect.void : this.stop(this.asked)).pipe(
      Effect.zipRight(this.tidy(Effect.suspend(() => this.finish))),
      Effect.zipRight(
        Effect.suspend(() => this.leave(Effect.zipRight(this.cleaning ?? Effect.void, Effect.suspend(this.giveBack))))
      )
    )
  })

  /** Stops what is asked and closes the connection; ends when that is done. */
  readonly shut: Effect.Effect<void> = Effect.suspend(() =>
    (this.asked === undefined ? Effect.void : this.stop(this.asked)).pipe(
      Effect.zipRight(Effect.suspend(() => this.cleaning ?? Effect.void)),
      Effect.ensuring(Effect.sync(() => this.destroy()))
    )
  )

  private stop(fiber: Fiber.RuntimeFiber<unknown, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.asked = undefined
      const { driver } = this.shared
      // A cancel that comes before the server has begun does nothing, so it may take more than one. The last must have ended
      // before another asks: still on its way, it would hit the other.
      const stopped = Effect.repeat(
        Effect.zipRight(driver.cancel(this.connection), Effect.timeoutOption(Fiber.await(fiber), patience)),
        { until: Option.isSome }
      )
      return fiber.unsafePoll() === null ? this.tidy(stopped) : Effect.void
    })
  }

  private leave(effect: Effect.Effect<void>): Effect.Effect<void> {
    return leave(effect, this.owner, this.asking)
  }

  private get unfinished() {
    return this.alive ? this.shared.driver.unfinished?.(this.connection) : undefined
  }

  private get finish(): Effect.Effect<unknown, unknown> {
    const isDone = () => this.unfinished === undefined
    return isDone()
      ? Effect.void
      : Effect.filterOrFail(this.unfinished ?? Effect.void, isDone, () => "still unfinished")
  }

  private get alive() {
    return this.shared.driver.alive(this.connection)
  }

  private destroy() {
    this.shared.driver.destroy(this.connection)
  }

  /** Fails as this connection would, without asking. */
  refuse(fault: Fault) {
    const { driver, isClosed } = this.shared
    return failed(driver.name, isClosed() ? Faults.unavailable("the pool was closed") : fault)
  }
}

/** How long a cancel may take to be seen before the next one, in milliseconds. */
const patience = 25
