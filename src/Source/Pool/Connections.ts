/**
 * The connections of a pool: who waits for one, who has one, and those that nobody has.
 *
 * @since 0.1.0
 */
import { Clock, Context, Deferred, Duration, Effect, FiberId, Scope } from "effect"
import * as Cleanup from "../../Cleanup.ts"
import * as Deadline from "../../Deadline.ts"
import * as Permits from "../../Permits.ts"
import { Asking } from "../../Receipt/Asking.ts"
import type { SourceError } from "../../Source.ts"
import * as Fault from "../Fault.ts"
import type { Driver } from "../Pool.ts"
import { failed, firstOf, Lease, type Shared, slack } from "./Lease.ts"

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
      if (reused !== undefined) return this.lend(reused, context)
      return this.open(restore).pipe(
        Effect.onError(() => Effect.sync(() => this.places.release())),
        Effect.flatMap((connection) => this.lend(connection, context))
      )
    })
  }

  private reuse(): C | undefined {
    for (let last = this.idle.pop(); last !== undefined; last = this.idle.pop()) {
      if (this.driver.alive(last.connection)) return last.connection
      this.driver.destroy(last.connection)
    }
    return undefined
  }

  private open(restore: Permits.Restore): Effect.Effect<C, SourceError> {
    return Effect.gen(this, function* () {
      const left = Duration.toMillis(yield* Deadline.remaining)
      if (this.isClosed || left <= 0) return yield* this.refuse(tooLate)
      const { driver, settings } = this
      const connection = driver.make()
      const { connectTimeout } = settings
      const stop = firstOf(
        Effect.zipRight(Deferred.await(this.closing), Effect.fail(Fault.unavailable(""))),
        Effect.zipRight(
          sleep(Math.min(connectTimeout, Math.ceil(left) + slack)),
          Effect.fail(Fault.unavailable("no connection was made in time"))
        )
      )
      return yield* restore(firstOf(driver.open(connection), stop)).pipe(
        Effect.as(connection),
        Effect.onError(() => Effect.sync(() => driver.destroy(connection))),
        Effect.catchAll((fault) => (this.isClosed ? this.refuse("") : failed(driver.name, fault)))
      )
    })
  }

  private lend(connection: C, context: Context.Context<Scope.Scope>): Effect.Effect<Lease<C>, SourceError> {
    if (this.isClosed) {
      this.driver.destroy(connection)
      this.places.release()
      return this.refuse("")
    }
    const owner = Context.get(context, Cleanup.Owner)
    const asking = Context.get(context, Asking)
    const lease: Lease<C> = new Lease(connection, this.shared, owner, asking, () => this.giveBack(lease))
    this.leases.add(lease)
    return Effect.as(Scope.addFinalizer(Context.get(context, Scope.Scope), lease.release), lease)
  }

  private giveBack(lease: Lease<C>): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (since) => {
      const { connection } = lease
      const isKept = !this.isClosed && this.driver.alive(connection)
      if (isKept) this.idle.push({ connection, since })
      else this.driver.destroy(connection)
      this.leases.delete(lease)
      this.places.release()
      if (!isKept || this.isSweeping || this.settings.idleTimeout === Infinity) return Effect.void
      this.isSweeping = true
      return Effect.asVoid(Effect.forkIn(Effect.interruptible(this.sweep), this.scope))
    })
  }

  /** Closes what nobody has used for long; runs while there is anything to close. */
  private get sweep(): Effect.Effect<void> {
    const { idleTimeout } = this.settings
    const parting = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const old = this.idle.filter(({ since }) => since + idleTimeout <= now)
      // Until it is closed it has a place, so that there are never more than there may be.
      const parting = old.filter(() => this.places.tryTake())
      this.idle = this.idle.filter((one) => !parting.includes(one))
      const release = Effect.sync(() => this.places.release())
      const parted = parting.map(({ connection }) => Effect.ensuring(this.part(connection), release))
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
    return Effect.all([...parting, ...stopping], { concurrency: "unbounded", discard: true })
  })

  private refuse(reason: string): Effect.Effect<never, SourceError> {
    return failed(this.driver.name, Fault.unavailable(this.isClosed ? "the pool was closed" : reason))
  }
}

const sleep = (millis: number) => (millis === Infinity ? Effect.never : Effect.sleep(millis))

const tooLate = "the deadline had passed before there was a connection"
