/**
 * Runs a batch in this process: claims items from the ledger, runs them, and writes down what became of them.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Fiber, FiberSet, Predicate, Schedule } from "effect"
import * as Deadline from "../Deadline.ts"
import * as Buffer from "./Buffer.ts"
import type { Job, RunError } from "./Engine.ts"
import type { Claimed, LedgerUnavailable, NewItem, Settled } from "./Ledger.ts"
import { Progressing } from "./Local/Progressing.ts"
import type { Stop } from "./Manifest.ts"
import * as Rules from "./Rules.ts"

/**
 * How many rows go to the ledger in one write.
 *
 * @since 0.1.0
 * @category models
 */
export const rowsAtOnce = 1_000
/**
 * How many items are claimed in one go: as many as take about half a second, so that quick items do not wait for claims,
 * and slow ones are not held without being run.
 */
const claimed = { least: 64, most: 2_000, tooSoon: 250, tooLate: 1_000 }

/**
 * Runs a job until nothing is left to do, a rule stops it, or it is interrupted. However it ends, what has ended is
 * written down, and what has not is pending again. An input that breaks off fails the run once what was read has ended.
 *
 * A ledger that is away for less than 30 seconds is waited for; a batch that somebody else has is, for as long as its
 * lease.
 *
 * @since 0.1.0
 * @category running
 */
export const run = <E>(job: Job<E>): Effect.Effect<Stop | undefined, RunError | E> =>
  Effect.suspend(() => {
    const owner = `process ${process.pid} (${crypto.randomUUID().slice(0, 8)})`
    const { batch, ledger } = job
    return Effect.acquireUseRelease(
      opened(job, owner),
      () => work(job, owner),
      () => Effect.ignoreLogged(ledger.close(batch, owner))
    )
  })

/**
 * Opens the batch of a job for a run. One that was killed holds it until its lease is over; one that lives renews it.
 *
 * @since 0.1.0
 * @category running
 */
export const opened = <E>({ batch, lease, ledger }: Job<E>, owner: string) =>
  patiently(
    Effect.retry(ledger.open(batch, owner, { lease, exclusive: true }), {
      while: ({ _tag }) => _tag === "BatchBusy",
      // By their number: a schedule that ends after a time goes by the wall clock, which may jump.
      times: Math.ceil(lease / 50) + 2,
      schedule: Schedule.spaced(50)
    })
  )

/**
 * Begins to read the input of a job, whose batch is open, and says from where.
 *
 * @since 0.1.0
 * @category running
 */
export const begun = <E>({ batch, input, ledger }: Job<E>) =>
  input?.version === undefined ? Effect.succeed({ read: 0, offset: 0 }) : patiently(ledger.begin(batch, input.version))

const work = <E>(job: Job<E>, owner: string): Effect.Effect<Stop | undefined, RunError | E> =>
  Effect.gen(function* () {
    const from = yield* begun(job)
    const state = new Progressing(job, yield* job.ledger.counts(job.batch))
    const settled = Buffer.make<Settled>(rowsAtOnce, (items) => {
      const settle = job.ledger.settle(job.batch, owner, items)
      // A ledger that was waited for in vain is asked once more for what is left, not for another 30 seconds.
      return Effect.match(state.broken === undefined ? patiently(settle) : settle, {
        onSuccess: () => state.written(items.length),
        onFailure: state.brokeOff
      })
    })
    const items = Effect.gen(function* () {
      const running = yield* FiberSet.make<void>()
      const reading = yield* Effect.forkScoped(read(job, state, from))
      yield* Effect.raceFirst(dispatch(job, owner, state, settled, running), heartbeat(job, owner, state))
      return reading
    }).pipe(
      Effect.scoped,
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (error._tag === "LedgerUnavailable") state.brokeOff(error)
        })
      )
    )

    // It outlives an interruption: what has ended is written down to the last.
    const writing = yield* Effect.forkDaemon(settled.run)
    yield* Effect.ensuring(
      items,
      Effect.suspend(() => {
        settled.end()
        return Fiber.await(writing)
      })
    )
    if (state.broken !== undefined) return yield* state.broken
    if (state.stop !== undefined) return state.stop
    yield* state.input
    return undefined
  })

/**
 * Waits for a ledger that is away, for 30 seconds at most, and says so.
 *
 * @since 0.1.0
 * @category combining
 */
export const patiently = <A, E>(
  ask: Effect.Effect<A, E | LedgerUnavailable>
): Effect.Effect<A, E | LedgerUnavailable> =>
  Effect.suspend(() => {
    let told = false
    const tell = (error: E | LedgerUnavailable) => {
      if (told || !isAway(error)) return Effect.void
      told = true
      return Effect.logWarning(`${error.message}; it is asked again for 30 seconds`)
    }
    return Effect.retry(Effect.tapError(ask, tell), {
      while: isAway,
      schedule: Schedule.intersect(Schedule.exponential(100, 1.5), Schedule.recurs(12))
    })
  })

const isAway = (error: unknown): error is LedgerUnavailable => Predicate.isTagged(error, "LedgerUnavailable")

const heartbeat = <E>({ batch, lease, ledger }: Job<E>, owner: string, state: Progressing<E>) =>
  patiently(ledger.renew(batch, owner)).pipe(
    Effect.map(({ cancelled }) => {
      if (cancelled) state.stopped({ by: "cancelled", id: null, failure: null })
    }),
    Effect.delay(lease / 4),
    Effect.forever
  )

/**
 * Reads the input; its items go to the ledger many at a time.
 *
 * @since 0.1.0
 * @category running
 */
export const read = <E>(
  { batch, buffer, input, ledger }: Job<E>,
  state: Progressing<E>,
  from: { readonly read: number; readonly offset: number }
): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (input === undefined) return state.readToTheEnd(Exit.void)
    let refused: RunError | undefined
    /** Items that are read, and not in the ledger yet. */
    let unwritten = 0
    const incoming = Buffer.make<NewItem>(Math.min(rowsAtOnce, buffer), (items) => {
      // What comes behind a gap is read again by the next run; written down, it would say that the gap was read.
      if (refused !== undefined) return Effect.void
      return Effect.match(patiently(ledger.add(batch, items, items.at(-1)!.position + 1, items.at(-1)!.end)), {
        onSuccess: (fresh) => {
          unwritten -= items.length
          state.added(fresh)
        },
        onFailure: (error) => {
          refused ??= error
          state.changed()
        }
      })
    })
    const hasRoom = () => refused !== undefined || state.open + unwritten < buffer
    const add = (item: NewItem) =>
      Effect.flatMap(state.until(hasRoom), () => {
        if (refused !== undefined) return Effect.fail(refused)
        unwritten += 1
        incoming.push(item)
        return incoming.room
      })
    const writing = yield* Effect.forkDaemon(incoming.run)
    const exit = yield* Effect.exit(input.read(add, from)).pipe(
      Effect.ensuring(
        Effect.suspend(() => {
          incoming.end()
          return Fiber.await(writing)
        })
      )
    )
    const ended: Exit.Exit<void, E | RunError> = refused === undefined ? exit : Exit.fail(refused)
    state.readToTheEnd(Exit.isSuccess(ended) ? yield* Effect.exit(patiently(ledger.seal(batch))) : ended)
  })

/** Claims and starts items as long as there are any. */
const dispatch = <E>(
  job: Job<E>,
  owner: string,
  state: Progressing<E>,
  settled: Buffer.Buffer<Settled>,
  running: FiberSet.FiberSet<void>
): Effect.Effect<void, RunError> =>
  Effect.gen(function* () {
    const { batch, concurrency, ledger } = job
    const waiting: Array<Claimed> = []
    const least = Math.max(claimed.least, concurrency)
    let most = least
    let claimedAt = -Infinity
    while (!state.ending) {
      const now = yield* Deadline.now
      if (waiting.length > 0 && now < state.pausedUntil) {
        yield* state.until(() => state.ending, state.pausedUntil - now)
        continue
      }
      while (waiting.length > 0 && state.inFlight < concurrency && !state.ending) {
        state.inFlight += 1
        yield* FiberSet.run(running, runOne(job, waiting.shift()!, state, settled))
      }
      if (state.inFlight >= concurrency) {
        yield* state.until(() => state.inFlight < concurrency || state.ending)
        continue
      }
      const { version } = state
      if (now - claimedAt < claimed.tooSoon) most = Math.min(most * 2, Math.max(claimed.most, least))
      if (now - claimedAt > claimed.tooLate) most = Math.max(Math.ceil(most / 2), least)
      waiting.push(...(yield* patiently(ledger.claim(batch, owner, most))))
      if (waiting.length > 0) {
        claimedAt = now
        continue
      }
      const due = yield* patiently(ledger.nextDue(batch))
      if (due === undefined && state.idle && state.version === version) return
      yield* state.until(() => state.version !== version || state.ending, due)
    }
  })

/** Runs an item and passes on what became of it; one that is interrupted is given back by the end of the run. */
const runOne = <E>(
  job: Job<E>,
  item: Claimed,
  state: Progressing<E>,
  settled: Buffer.Buffer<Settled>
): Effect.Effect<void> =>
  Effect.flatMap(Deadline.now, (began) => {
    const settle = (to: Settled) => {
      state.settling(to)
      settled.push(to)
      return settled.room
    }
    return Effect.matchEffect(job.run(item), {
      onSuccess: (result) =>
        Effect.flatMap(Deadline.now, (now) => {
          state.slowed = 0
          return settle({ id: item.id, to: "done", result, took: Math.round(now - began) })
        }),
      onFailure: (classified) =>
        Effect.flatMap(Deadline.now, (now) => settle(afterFailure(job, item, state, classified, { began, now })))
    })
  }).pipe(Effect.ensuring(Effect.sync(state.left)))

/**
 * What becomes of an item that has failed.
 *
 * @since 0.1.0
 * @category running
 */
export const afterFailure = (
  { attempts }: { readonly attempts: number },
  item: Claimed,
  state: Pick<Progressing<never>, "pause" | "slowed" | "stopped">,
  { action, failure, retryAfter }: Rules.Classified,
  { began, now }: { readonly began: number; readonly now: number }
): Settled => {
  const { id } = item
  const took = Math.round(now - began)
  const tried = item.attempts + 1
  if (action === "slow") state.pause(now + (retryAfter ?? Rules.backoff((state.slowed += 1))))
  if ((action === "slow" || action === "retry") && tried < attempts) {
    const wait = Math.max(retryAfter ?? 0, action === "retry" ? Rules.backoff(tried) : 0)
    return { id, to: "again", failure, took, wait }
  }
  if (action === "stop") state.stopped({ by: "rule", id, failure })
  return { id, to: "failed", failure, took }
}
