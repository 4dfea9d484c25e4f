/**
 * The connections of a pool: who waits for one, who has one, and those that nobody has.
 *
 * @since 0.1.0
 */
import { Cause, Context, Deferred, Duration, Effect, Exit, Fiber, FiberId, Option, Scope } from "effect"
import * as Cleanup from "../../Cleanup.ts"
import * as Deadline from "../../Deadline.ts"
import * as Permits from "../../Permits.ts"
import { Asking } from "../../Receipt/Asking.ts"
import type { SourceError } from "../../Source.ts"
import * as Fault from "../Fault.ts"
import type { Driver } from "../Pool.ts"
import { failed, Lease, type Shared } from "./Lease.ts"
import { exitWithin, firstOf, leave, slack } from "./Waiting.ts"

/**
 * The options of a pool, checked; durations in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly maxConnections: number
  readonly connectTimeout: number
  readonly idleTimeout: number
  readonly grace: number
}

/**
 * @since 0.1.0
 * @category models
 */
export class Connections<C> {
  private readonly places: Permits.Permits
  private readonly shared: Shared<C>
  private readonly leases = new Set<Lease<C>>()
  private readonly opening = new Set<Fiber.RuntimeFiber<void, Fault.Fault>>()
  private readonly closing = Deferred.unsafeMake<void>(FiberId.none)
  private idle: Array<{ readonly connection: C; readonly since: number }> = []
  private isClosed = false
  private isSweeping = false

  constructor(
    readonly driver: Driver<C>,
    private readonly settings: Settings,
    private readonly scope: Scope.Scope
  ) {
    this.places = Permits.make(settings.maxConnections)
    this.shared = { driver, grace: settings.grace, isClosed: () => this.isClosed }
  }

  readonly take: Effect.Effect<Lease<C>, SourceError, Scope.Scope> = Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() =>
      this.places.tryTake() ? this.occupy(restore) : Effect.zipRight(this.wait(restore), this.occupy(restore))
    )
  )

  stats() {
    return {
      used: this.settings.maxConnections - this.places.free(),
      idle: this.idle.filter(({ connection }) => this.driver.alive(connection)).length,
      waiting: this.places.waiting()
    }
  }

  /** Waits for a turn; one that comes in the instant in which it gives up is given back by `Permits`. */
  private wait(restore: Permits.Restore): Effect.Effect<void, SourceError> {
    return Effect.gen(this, function* () {
      const left = Duration.toMillis(yield* Deadline.remaining)
      if (this.isClosed || left <= 0) return yield* this.refuse(tooLate)
      let why: string | undefined
      const giveUp = (after: Effect.Effect<void>, reason: string) =>
        Effect.flatMap(after, () => {
          why = reason
          return Effect.interrupt
        })
      const late = `none of its ${this.settings.maxConnections} connections came free before the deadline`
      const stop = firstOf(giveUp(Deferred.await(this.closing), ""), giveUp(sleep(Math.ceil(left) + slack), late))
      const limited: Permits.Restore = (turn) => restore(firstOf(turn, stop))
      const before = yield* Deadline.now
      yield* Effect.catchAllCause(this.places.take(1, limited), (cause) =>
        why === undefined ? Effect.failCause(cause) : this.refuse(why)
      )
      const waited = (yield* Deadline.now) - before
      yield* Effect.map(Asking, (asking) => asking.queued(waited))
    })
  }

  /** Has a place, and needs a connection for it. */
  private occupy(restore: Permits.Restore): Effect.Effect<Lease<C>, SourceError, Scope.Scope> {
    return Effect.flatMap(Effect.context<Scope.Scope>(), (context) => {
      const reused = this.isClosed ? undefined : this.reuse()
      if (reused === undefined)
        return Effect.flatMap(this.open(restore, context), (connection) => this.lend(connection, context))
      const { check } = this.driver
      if (check === undefined) return this.lend(reused.connection, context)
      return Effect.flatMap(Deadline.now, (now) =>
        now - reused.since < restPeriod
          ? this.lend(reused.connection, context)
          : Effect.zipRight(
              this.checked(reused.connection, check, restore, context),
              Effect.suspend(() =>
                this.driver.alive(reused.connection) ? this.lend(reused.connection, context) : this.occupy(restore)
              )
            )
      )
    })
  }

  private reuse(): { readonly connection: C; readonly since: number } | undefined {
    for (let last = this.idle.pop(); last !== undefined; last = this.idle.pop()) {
      if (this.driver.alive(last.connection)) return last
      this.driver.destroy(last.connection)
    }
    return undefined
  }

  /**
   * Destroys a connection that gives no sign of life. A caller that is interrupted leaves, and the connection is kept if it gives
   * one.
   */
  private checked(
    connection: C,
    check: (connection: C) => Effect.Effect<unknown, unknown>,
    restore: Permits.Restore,
    context: Context.Context<never>
  ): Effect.Effect<void> {
    const bounded = Effect.interruptible(check(connection)).pipe(
      Effect.timeoutFail({ duration: this.settings.grace, onTimeout: () => "late" }),
      Effect.catchAllCause(() => Effect.sync(() => this.driver.destroy(connection)))
    )
    return Effect.flatMap(Effect.forkDaemon(bounded), (fiber) => {
      const kept = Effect.flatMap(Fiber.await(fiber), () => this.putBack(connection))
      const goOn = leave(kept, Context.get(context, Cleanup.Owner), Context.get(context, Asking))
      return Effect.asVoid(Effect.onInterrupt(restore(Fiber.await(fiber)), () => goOn))
    })
  }

  /**
   * Opens a connection. Whoever no longer wants it, or not so late, goes; the connection is opened all the same, for the
   * next one: otherwise, where connecting takes longer than a caller has, no caller would ever find one.
   */
  private open(restore: Permits.Restore, context: Context.Context<never>): Effect.Effect<C, SourceError> {
    return Effect.flatMap(Deadline.remaining, (remaining) => {
      const left = Duration.toMillis(remaining)
      if (this.isClosed || left <= 0) return Effect.zipRight(this.free, this.refuse(tooLate))
      const connection = this.driver.make()
      return Effect.flatMap(Effect.forkDaemon(this.opened(connection)), (fiber) => {
        this.opening.add(fiber)
        fiber.addObserver(() => this.opening.delete(fiber))
        const kept = Effect.flatMap(Fiber.await(fiber), () => this.putBack(connection))
        const goOn = leave(kept, Context.get(context, Cleanup.Owner), Context.get(context, Asking))
        return restore(exitWithin(fiber, left)).pipe(
          Effect.onInterrupt(() => goOn),
          Effect.flatMap((exit) => {
            if (Option.isNone(exit))
              return Effect.zipRight(goOn, this.refuse("no connection was made before the deadline"))
            if (Exit.isSuccess(exit.value)) return Effect.succeed(connection)
            const fault = Cause.failureOption(exit.value.cause)
            const why = Option.isSome(fault) ? this.fail(fault.value) : Effect.die(Cause.squash(exit.value.cause))
            return Effect.zipRight(this.putBack(connection), why)
          })
        )
      })
    })
  }

  private opened(connection: C): Effect.Effect<void, Fault.Fault> {
    const late = Fault.unavailable("no connection was made in time")
    const stop = firstOf(
      Effect.zipRight(Deferred.await(this.closing), Effect.fail(late)),
      Effect.zipRight(sleep(this.settings.connectTimeout), Effect.fail(late))
    )
    const destroyed = Effect.sync(() => this.driver.destroy(connection))
    return Effect.onError(firstOf(this.driver.open(connection), stop), () => destroyed)
  }

  private lend(connection: C, context: Context.Context<Scope.Scope>): Effect.Effect<Lease<C>, SourceError> {
    if (this.isClosed) return Effect.zipRight(this.putBack(connection), this.refuse(""))
    const owner = Context.get(context, Cleanup.Owner)
    const asking = Context.get(context, Asking)
    const lease: Lease<C> = new Lease(connection, this.shared, owner, asking, () => {
      this.leases.delete(lease)
      return this.putBack(connection)
    })
    this.leases.add(lease)
    return Effect.as(Scope.addFinalizer(Context.get(context, Scope.Scope), lease.release), lease)
  }

  /** A connection that has a place is no longer used. */
  private putBack(connection: C): Effect.Effect<void> {
    return Effect.flatMap(Deadline.now, (since) => {
      const isKept = !this.isClosed && this.driver.alive(connection)
      if (isKept) this.idle.push({ connection, since })
      else this.driver.destroy(connection)
      this.places.release()
      if (!isKept || this.isSweeping || this.settings.idleTimeout === Infinity) return Effect.void
      this.isSweeping = true
      return Effect.asVoid(Effect.forkIn(Effect.interruptible(this.sweep), this.scope))
    })
  }

  private readonly free = Effect.sync(() => this.places.release())

  /** Closes what nobody has used for long; runs while there is anything to close. */
  private get sweep(): Effect.Effect<void> {
    const { idleTimeout } = this.settings
    const parting = Effect.flatMap(Deadline.now, (now) => {
      const old = this.idle.filter(({ since }) => since + idleTimeout <= now)
      // Until it is closed it has a place, so that there are never more than there may be.
      const parting = old.filter(() => this.places.tryTake())
      this.idle = this.idle.filter((one) => !parting.includes(one))
      const parted = parting.map(({ connection }) => Effect.ensuring(this.part(connection), this.free))
      return Effect.all(parted, { concurrency: "unbounded", discard: true })
    })
    const round = Effect.zipRight(Effect.sleep(idleTimeout), Effect.uninterruptible(parting))
    return Effect.map(Effect.repeat(round, { while: () => this.idle.length > 0 }), () => {
      this.isSweeping = false
    })
  }

  private part(connection: C): Effect.Effect<void> {
    return Effect.interruptible(this.driver.close?.(connection) ?? Effect.void).pipe(
      Effect.timeout(this.settings.grace),
      Effect.ignore,
      Effect.ensuring(Effect.sync(() => this.driver.destroy(connection)))
    )
  }

  /** Turns away who waits, stops what runs, and closes every connection; bounded by the grace. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    Deferred.unsafeDone(this.closing, Effect.void)
    const parting = this.idle.splice(0).map(({ connection }) => this.part(connection))
    const stopping = Array.from(this.leases, (lease) => lease.shut)
    const opening = Array.from(this.opening, Fiber.await)
    return Effect.all([...parting, ...stopping, ...opening], { concurrency: "unbounded", discard: true })
  })

  private refuse(reason: string): Effect.Effect<never, SourceError> {
    return this.fail(Fault.unavailable(reason))
  }

  private fail(fault: Fault.Fault): Effect.Effect<never, SourceError> {
    return failed(this.driver.name, this.isClosed ? Fault.unavailable("the pool was closed") : fault)
  }
}

const sleep = (millis: number) => (millis === Infinity ? Effect.never : Effect.sleep(millis))

/** After so many milliseconds without use, a connection is asked for a sign of life; as in HikariCP. */
const restPeriod = 500

const tooLate = "the deadline had passed before there was a connection"
