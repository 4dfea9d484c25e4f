/**
 * A worker's part in one run of a batch: it takes orders, claims items for them, runs them, and writes down what became of
 * them.
 *
 * Its items are its own for as long as its lease. When the ledger does not hear of it in time, it stops them before the
 * lease is over, so that whoever gets them next is alone with them.
 *
 * @since 0.1.0
 */
import { Effect, Fiber, FiberSet, Option, Schedule } from "effect"
import * as Deadline from "../../Deadline.ts"
import * as Buffer from "../Buffer.ts"
import { type Claimed, type Service, type Settled } from "../Ledger.ts"
import { afterFailure, patiently, rowsAtOnce } from "../Local.ts"
import type { Stop } from "../Manifest.ts"
import type { Classified, Rules } from "../Rules.ts"
import type { Answer, Order } from "./Chunk.ts"

/**
 * How a worker works.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly ledger: Service
  /** Goes into the names of its shifts. */
  readonly name: string
  readonly concurrency: number
  /** In milliseconds, as all times. */
  readonly lease: number
  /** How long items in flight may take to end when it leaves. */
  readonly grace: number
  /** Runs an item of this batch; fails with what rules say of its failure. */
  readonly run: (item: Claimed, rules: Rules | undefined) => Effect.Effect<string, Classified>
}

/**
 * What a worker left behind when it left.
 *
 * @since 0.1.0
 * @category models
 */
export interface Left {
  /** Items in flight that it has finished. */
  readonly finished: number
  /** Items that others may claim now. */
  readonly givenBack: number
}

/** An order that waits for its answer. */
interface Given {
  readonly most: number
  readonly answer: (claimed: number) => void
}

/** Items that were claimed for one order, and how many of them are still to be written down. */
interface Taken {
  readonly size: number
  left: number
  readonly given: Given
}

/** How long a shift without orders goes on. */
const idle = 2_000
/** An order is filled with as many items as take about this long; quick items come many at a time. */
const tooSoon = 250
const tooLate = 1_000
/** The part of its lease after which a worker that is not heard stops its items. */
const fence = 0.8

/**
 * A shift. Make one for each run that orders come from, and fork its `work`.
 *
 * @since 0.1.0
 * @category models
 */
export class Shift {
  readonly owner: string
  stop: Stop | undefined = undefined
  slowed = 0
  private pausedUntil = 0
  private over = false
  private leaving = false
  private inFlight = 0
  private done = 0
  private failed = 0
  private finished = 0
  private last: Answer["last"] = null
  private renewedAt = 0
  private readonly orders: Array<Given> = []
  private readonly waiting: Array<{ readonly item: Claimed; readonly taken: Taken }> = []
  private readonly taken = new Set<Taken>()
  private readonly changed = Buffer.makeBell()
  private readonly settled: Buffer.Buffer<{ readonly to: Settled; readonly taken: Taken }>

  constructor(
    private readonly order: Order,
    private readonly settings: Settings
  ) {
    this.owner = `${settings.name} (${crypto.randomUUID().slice(0, 8)})`
    this.settled = Buffer.make(rowsAtOnce, (ended) => this.write(ended))
  }

  /** Takes an order, and answers it once its items are written down. Whoever goes away takes his order along. */
  readonly serve: Effect.Effect<Answer> = Effect.async<Answer>((resume) => {
    const given: Given = {
      most: this.order.most,
      answer: (claimed) => resume(Effect.succeed(this.answer(claimed)))
    }
    if (this.over) return given.answer(0)
    this.orders.push(given)
    this.changed.ring()
    return Effect.sync(() => {
      const place = this.orders.indexOf(given)
      if (place >= 0) this.orders.splice(place, 1)
    })
  })

  /** Claims nothing more, and ends when what is in flight has ended, or after the grace. */
  readonly leave = (): void => {
    this.leaving = true
    this.changed.ring()
  }

  /** What it left behind; of use once `work` has ended. */
  get left(): Left {
    const unfinished = Array.from(this.taken).reduce((sum, { left }) => sum + left, 0)
    return { finished: this.finished, givenBack: unfinished }
  }

  /** Works until there are no orders for a while, it leaves, the batch is stopped, or the lease is lost. */
  get work(): Effect.Effect<void> {
    const { lease, ledger } = this.settings
    const { batch } = this.order
    const open = Effect.flatMap(Deadline.now, (now) => {
      this.renewedAt = now
      return ledger.open(batch, this.owner, { lease, exclusive: false })
    })
    return Effect.acquireUseRelease(
      patiently(open),
      () => this.working,
      () => Effect.ignoreLogged(ledger.close(batch, this.owner))
    ).pipe(
      Effect.catchAllCause((cause) => Effect.logWarning(`gave up items of the batch "${batch}"`, cause)),
      Effect.ensuring(Effect.sync(this.end))
    )
  }

  private get working() {
    return Effect.gen(this, function* () {
      const items = Effect.gen(this, function* () {
        const running = yield* FiberSet.make<void>()
        yield* Effect.raceFirst(this.dispatch(running), this.heartbeat)
      }).pipe(Effect.scoped)
      // It outlives an interruption: what has ended is written down to the last.
      const writing = yield* Effect.forkDaemon(this.settled.run)
      yield* Effect.ensuring(
        items,
        Effect.suspend(() => {
          this.over = true
          this.settled.end()
          return Fiber.await(writing)
        })
      )
    })
  }

  /** Ends when the lease is lost, or will be before it can be renewed, or the batch is to stop. */
  private get heartbeat(): Effect.Effect<void> {
    const { lease, ledger } = this.settings
    return Effect.gen(this, function* () {
      for (;;) {
        const now = yield* Deadline.now
        const heard = yield* ledger.renew(this.order.batch, this.owner).pipe(
          Effect.retry({ while: ({ _tag }) => _tag === "LedgerUnavailable", schedule: Schedule.spaced(100) }),
          Effect.timeoutOption(Math.max(0, this.renewedAt + lease * fence - now)),
          Effect.catchAll(() => Effect.succeedNone)
        )
        if (Option.isNone(heard) || heard.value.cancelled) return
        this.renewedAt = now
        yield* Effect.sleep(lease / 8)
      }
    })
  }

  /** Claims items for orders and starts them, as long as there are any. */
  private dispatch(running: FiberSet.FiberSet<void>) {
    return Effect.gen(this, function* () {
      const { concurrency, grace, ledger } = this.settings
      let most = concurrency
      let claimedAt = -Infinity
      while (this.stop === undefined) {
        if (this.leaving) return yield* this.until(() => this.inFlight === 0, grace)
        const now = yield* Deadline.now
        if (this.waiting.length > 0 && now < this.pausedUntil) {
          yield* this.until(() => this.leaving || this.stop !== undefined, this.pausedUntil - now)
          continue
        }
        while (this.waiting.length > 0 && this.inFlight < concurrency) {
          const { item, taken } = this.waiting.shift()!
          this.inFlight += 1
          yield* FiberSet.run(running, this.runOne(item, taken))
        }
        if (this.inFlight >= concurrency) {
          yield* this.until(() => this.inFlight < concurrency || this.leaving || this.stop !== undefined)
          continue
        }
        if (this.orders.length === 0) {
          yield* this.until(() => this.orders.length > 0 || this.leaving || this.stop !== undefined, idle)
          if (this.orders.length === 0 && this.inFlight === 0 && this.settled.size() === 0) return
          continue
        }
        if (now - claimedAt < tooSoon) most = Math.min(most * 2, Math.max(this.order.most, concurrency))
        if (now - claimedAt > tooLate) most = Math.max(Math.ceil(most / 2), concurrency)
        const claimed = yield* patiently(ledger.claim(this.order.batch, this.owner, most))
        const given = this.orders.shift()
        if (claimed.length === 0) {
          given?.answer(0)
          continue
        }
        claimedAt = now
        // Whoever gave the order may be gone; the items are there all the same.
        const taken: Taken = { size: claimed.length, left: claimed.length, given: given ?? nobody }
        this.taken.add(taken)
        this.waiting.push(...claimed.map((item) => ({ item, taken })))
      }
    })
  }

  private until(ready: () => boolean, millis?: number): Effect.Effect<void> {
    const waiting = this.changed.until(ready)
    return millis === undefined ? waiting : Effect.raceFirst(waiting, Effect.sleep(Math.max(0, millis)))
  }

  /** Runs an item and passes on what became of it; one that is interrupted is given back by the end of the shift. */
  private runOne(item: Claimed, taken: Taken): Effect.Effect<void> {
    const { rules, attempts } = this.order
    return Effect.flatMap(Deadline.now, (began) =>
      this.settings.run(item, rules ?? undefined).pipe(
        Effect.match({
          onFailure: (classified) => (now: number) =>
            afterFailure({ attempts }, item, this, classified, { began, now }),
          onSuccess:
            (result) =>
            (now: number): Settled => {
              this.slowed = 0
              return { id: item.id, to: "done", result, took: Math.round(now - began) }
            }
        }),
        Effect.flatMap((ended) =>
          Effect.flatMap(Deadline.now, (now) => {
            this.settled.push({ to: ended(now), taken })
            if (this.leaving) this.finished += 1
            return this.settled.room
          })
        )
      )
    ).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          this.inFlight -= 1
          this.changed.ring()
        })
      )
    )
  }

  readonly pause = (until: number): void => {
    this.pausedUntil = Math.max(this.pausedUntil, until)
  }

  readonly stopped = (stop: Stop): void => {
    this.stop ??= stop
    this.changed.ring()
  }

  private write(ended: ReadonlyArray<{ readonly to: Settled; readonly taken: Taken }>): Effect.Effect<void> {
    const { batch } = this.order
    const rows = ended.map(({ to }) => to)
    return Effect.match(patiently(this.settings.ledger.settle(batch, this.owner, rows)), {
      onSuccess: () => {
        for (const { taken, to } of ended) {
          if (to.to !== "again") this[to.to] += 1
          if (to.to === "failed") this.last = { id: to.id, failure: to.failure }
          taken.left -= 1
          if (taken.left > 0) continue
          this.taken.delete(taken)
          taken.given.answer(taken.size)
        }
      },
      // The items are run again once the lease is over.
      onFailure: () => this.leave()
    })
  }

  private answer(claimed: number): Answer {
    const { done, failed, inFlight, last, owner: shift, stop } = this
    return { shift, claimed, done, failed, inFlight, last, stop: stop ?? null }
  }

  private readonly end = (): void => {
    this.over = true
    for (const { given, left, size } of this.taken) given.answer(size - left)
    for (const given of this.orders.splice(0)) given.answer(0)
  }
}

const nobody: Given = { most: 0, answer: () => {} }
