/**
 * Runs a batch by giving orders to workers: it reads the input, keeps a window of orders outstanding, and stops when rules
 * say so. It runs no items itself.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Fiber, Option } from "effect"
import { hostname } from "node:os"
import * as Deadline from "../../Deadline.ts"
import type { Job, RunError } from "../Engine.ts"
import { begun, opened, patiently, read } from "../Local.ts"
import { Progressing } from "../Local/Progressing.ts"
import type { Stop } from "../Manifest.ts"
import type { Answer, Order } from "./Chunk.ts"

/**
 * A way to some worker.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lane {
  /** Gives an order and waits for the answer, for as long as it takes. */
  readonly work: (order: Order) => Effect.Effect<Answer, unknown>
  /** Forgets what was said on it. */
  readonly clear: Effect.Effect<void, unknown>
}

/** Items of one order. */
const chunk = 200
/** An order that was not answered for so long, in milliseconds, may wait for a worker that is dead. */
const stale = 2_000
/** After so long another one is given on its lane. */
const patience = 60_000
/** How long a lane rests that leads to a worker of other batches. */
const rest = 2_000
/** Answers on a lane before it is cleared. */
const clearedAfter = 100
/** How long the end waits for workers to give back what they have in hand, in steps of 50. */
const farewell = 6_000

/**
 * Runs a job over lanes, until all of its items have ended, a rule stops it, or it is interrupted.
 *
 * @since 0.1.0
 * @category running
 */
export const run = <E>(job: Job<E>, lanes: (batch: string) => ReadonlyArray<Lane>) =>
  Effect.suspend(() => {
    const { batch, ledger } = job
    const owner = `run ${process.pid} at ${hostname().slice(0, 100)} (${crypto.randomUUID().slice(0, 8)})`
    return Effect.acquireUseRelease(
      opened(job, owner),
      () => give(job, owner, lanes(batch)),
      () => Effect.ignoreLogged(ledger.close(batch, owner))
    )
  })

const give = <E>(
  job: Job<E>,
  owner: string,
  lanes: ReadonlyArray<Lane>
): Effect.Effect<Stop | undefined, RunError | E> =>
  Effect.gen(function* () {
    const from = yield* begun(job)
    const state = new Progressing(job, yield* job.ledger.counts(job.batch))
    const clock = yield* Effect.clock
    const orders = new Orders(job, owner, state, () => Number(clock.unsafeCurrentTimeNanos()) / 1e6)
    const clear = Effect.forEach(lanes, (lane) => Effect.ignore(lane.clear), { concurrency: 4, discard: true })
    // What an earlier run left behind when it was killed.
    yield* clear
    const working = Effect.gen(function* () {
      yield* Effect.forkScoped(read(job, state, from))
      yield* Effect.raceFirst(lookOut(job, state, orders), heartbeat(job, owner, state))
    }).pipe(Effect.scoped)

    // They outlive an interruption: the workers are waited for.
    yield* Effect.acquireUseRelease(
      Effect.forEach(lanes, (lane) => Effect.forkDaemon(Effect.interruptible(drive(lane, state, orders)))),
      () => working,
      (fibers, exit) =>
        Effect.gen(function* () {
          orders.over = true
          state.changed()
          const early = Exit.isFailure(exit) || state.ending
          // A ledger that was waited for in vain is not waited for again; without it, workers stop by themselves.
          if (early) yield* Effect.ignoreLogged(job.ledger.cancel(job.batch))
          const isQuiet = () => (early ? orders.given.size : orders.fresh()) === 0
          for (let waited = 0; waited < farewell && !isQuiet(); waited += 50) yield* Effect.sleep(50)
          yield* Fiber.interruptAll(fibers)
          yield* clear
        })
    )
    if (state.broken !== undefined) return yield* state.broken
    if (state.stop !== undefined) return state.stop
    yield* state.input
    return undefined
  })

/** Which orders are outstanding, and whether more are wanted. */
class Orders<E> {
  over = false
  /** When each lane was given the order it has not answered. */
  readonly given = new Map<Lane, number>()
  /** When items were last claimed. */
  claimedAt = 0
  private hungry = true
  /** There was nothing to claim when so many items were open. */
  private dryAt = 0
  private readonly shifts = new Map<string, Answer & { readonly at: number }>()
  readonly order: Order

  constructor(
    { attempts, batch, rules }: Job<E>,
    owner: string,
    private readonly state: Progressing<E>,
    private readonly now: () => number
  ) {
    this.order = { batch, run: owner, most: chunk, attempts, rules: rules ?? null }
  }

  /** Orders that were given lately. */
  fresh(): number {
    const since = this.now() - stale
    return Array.from(this.given.values()).filter((at) => at > since).length
  }

  get wanted(): boolean {
    const { open } = this.state
    return (this.hungry || open > this.dryAt) && open > 0 && this.fresh() < Math.max(2, open / 10)
  }

  give(lane: Lane): void {
    this.given.set(lane, this.now())
  }

  /** There are items to be claimed. */
  readonly ask = (): void => {
    this.hungry = true
  }

  readonly hear = (answer: Answer): void => {
    const { claimed, done, failed, last, shift, stop } = answer
    if (shift === null) return
    const before = this.shifts.get(shift)
    const at = this.now()
    this.shifts.set(shift, { ...answer, at })
    if (claimed > 0) this.claimedAt = at
    this.hungry = claimed > 0
    this.state.inFlight = Array.from(this.shifts.values())
      .filter((one) => one.at > at - patience)
      .reduce((sum, { inFlight }) => sum + inFlight, 0)
    this.state.heard({
      done: Math.max(0, done - (before?.done ?? 0)),
      failed: Math.max(0, failed - (before?.failed ?? 0)),
      last
    })
    this.dryAt = this.state.open
    if (stop !== null) this.state.stopped(stop)
  }
}

/** Gives orders on one lane, one after the other. */
const drive = <E>(lane: Lane, state: Progressing<E>, orders: Orders<E>) =>
  Effect.gen(function* () {
    for (let count = 1; ; count++) {
      yield* state.until(() => orders.over || orders.wanted)
      if (orders.over) return
      orders.give(lane)
      const answer = yield* lane.work(orders.order).pipe(
        Effect.timeoutOption(patience),
        Effect.catchAllCause((cause) => Effect.as(Effect.logDebug("an order was not answered", cause), Option.none())),
        Effect.ensuring(Effect.sync(() => orders.given.delete(lane)))
      )
      if (Option.isSome(answer)) orders.hear(answer.value)
      if (Option.isNone(answer) || count % clearedAfter === 0) yield* Effect.ignore(lane.clear)
      if (Option.isNone(answer) || answer.value.shift === null) yield* Effect.sleep(rest)
    }
  })

/** Asks the ledger when nobody claims anything: whether all has ended, or items of a dead worker are to be claimed. */
const lookOut = <E>({ batch, ledger }: Job<E>, state: Progressing<E>, orders: Orders<E>) =>
  Effect.gen(function* () {
    const least = 100
    let pause = least
    const isDone = () => !state.reading && state.open <= 0
    while (!state.ending) {
      yield* state.until(() => state.doubtful || state.ending || isDone(), pause)
      if (state.ending) return
      const now = yield* Deadline.now
      if (!state.doubtful && !isDone() && now < orders.claimedAt + 3 * least) {
        pause = least
        continue
      }
      const counts = yield* patiently(ledger.counts(batch))
      const took = (yield* Deadline.now) - now
      if (counts === undefined) return
      if (!state.reading && counts.pending + counts.running === 0) return state.corrected(counts)
      if (counts.pending > 0) orders.ask()
      state.corrected(counts)
      pause = Math.max(took * 20, Math.min(pause * 1.5, stale))
    }
  })

const heartbeat = <E>({ batch, lease, ledger }: Job<E>, owner: string, state: Progressing<E>) =>
  patiently(ledger.renew(batch, owner)).pipe(
    // It has no items: when nobody else has the batch now, nothing is lost.
    Effect.catchTag("LeaseLost", (lost) =>
      patiently(ledger.open(batch, owner, { lease, exclusive: true })).pipe(
        Effect.catchTag("BatchBusy", () => lost),
        Effect.as({ cancelled: false })
      )
    ),
    Effect.map(({ cancelled }) => {
      if (cancelled) state.stopped({ by: "cancelled", id: null, failure: null })
    }),
    Effect.delay(lease / 4),
    Effect.forever
  )
