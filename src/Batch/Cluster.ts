/**
 * Runs a batch on several machines, on `@effect/cluster`: one process reads the input and gives orders, workers run the
 * items. The ledger has to be one that all of them reach, such as Postgres.
 *
 * Workers come and go while a batch runs. The items of one that dies are run by others once its lease is over.
 *
 * @since 0.1.0
 */
import * as EntityAddress from "@effect/cluster/EntityAddress"
import * as EntityId from "@effect/cluster/EntityId"
import * as MessageStorage from "@effect/cluster/MessageStorage"
import * as Sharding from "@effect/cluster/Sharding"
import { type Duration, Effect, Fiber, Layer, Runtime } from "effect"
import { hostname } from "node:os"
import type { Batch } from "../Batch.ts"
import * as Options from "../Options.ts"
import { type Answer, Chunk, type Order } from "./Cluster/Chunk.ts"
import { type Left, Shift } from "./Cluster/Shift.ts"
import * as Submitter from "./Cluster/Submitter.ts"
import { Engine } from "./Engine.ts"
import { runItem } from "./Item.ts"
import { Ledger } from "./Ledger.ts"
import type { Stop } from "./Manifest.ts"
import type { Rules } from "./Rules.ts"

/**
 * The engine for the process that runs a batch with `Batch.run`: it leaves the items to workers, and waits while there are
 * none. How many run at once is up to the workers. `window` is how many orders, of up to 200 items each, are outstanding at
 * most; default 32, which is enough for ten workers.
 *
 * @example
 * ```ts
 * const program = Batch.run(Translate, documents).pipe(
 *   Effect.provide(Layer.provide(Cluster.layer(), Socket.client)),
 *   Effect.provide(Ledger.layer),
 *   Effect.provide(Postgres.layer(url))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: { readonly window?: number | undefined } = {}
): Layer.Layer<Engine, never, Sharding.Sharding | MessageStorage.MessageStorage> =>
  Layer.effect(
    Engine,
    Effect.gen(function* () {
      const window = Options.count("Cluster.layer", "window", options.window ?? 32)
      const sharding = yield* Sharding.Sharding
      const storage = yield* MessageStorage.MessageStorage
      const client = yield* Chunk.client
      const lane = (id: string): Submitter.Lane => {
        const entityId = EntityId.make(id)
        const shardId = sharding.getShardId(entityId, Chunk.getShardGroup(entityId))
        return {
          work: (order) => client(id).work(order),
          clear: storage.clearAddress(EntityAddress.EntityAddress.make({ entityId, entityType: Chunk.type, shardId }))
        }
      }
      const lanes = (batch: string) => Array.from({ length: window }, (_, n) => lane(`${batch}/${n}`))
      return { run: (job) => Submitter.run(job, lanes) }
    })
  )

/**
 * How a worker works; all of it may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface WorkerOptions {
  /** How many items of a batch run at once; default 10. */
  readonly concurrency?: number | undefined
  /**
   * How long others leave its items alone when they do not hear of it; default 5 seconds. It stops its items itself before
   * that, so that none runs twice at once; those that cannot be interrupted are the exception.
   */
  readonly lease?: Duration.DurationInput | undefined
  /** How long items in flight may take to end when the layer closes; then they are given back. Default 10 seconds. */
  readonly grace?: Duration.DurationInput | undefined
  /** Told for each batch what it left behind when it left. */
  readonly onLeft?: ((batch: string, left: Left) => void) | undefined
}

/** A batch of anything; `any` of its types does not do where it has errors to classify. */
interface AnyBatch extends Omit<Batch<any, any, any, any, any, any>, "classOf"> {
  readonly classOf: ((error: never) => string | undefined) | undefined
}

/** What its items need. */
type Needs<B> = B extends { readonly run: (item: never) => Effect.Effect<infer _A, infer _E, infer R> } ? R : never

/** As the engine sees it. */
type Task<R> = Batch<unknown, unknown, unknown, R, unknown, unknown>

/**
 * Joins as a worker, and runs items of these batches until the layer closes. Rules and attempts are those of `Batch.run`.
 *
 * @since 0.1.0
 * @category layers
 */
export const worker = <const Batches extends ReadonlyArray<AnyBatch>>(
  batches: Batches,
  options: WorkerOptions = {}
): Layer.Layer<never, never, Sharding.Sharding | Ledger | Needs<Batches[number]>> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const where = "Cluster.worker"
      const sharding = yield* Sharding.Sharding
      const context = yield* Effect.context<Needs<Batches[number]>>()
      const settings = {
        ledger: yield* Ledger,
        name: `worker ${process.pid} at ${hostname().slice(0, 100)}`,
        concurrency: Options.count(where, "concurrency", options.concurrency ?? 10),
        lease: Options.duration(where, "lease", options.lease ?? 5_000),
        grace: Options.duration(where, "grace", options.grace ?? 10_000)
      }
      const crew = new Crew(
        (order) => {
          // The cast: whatever it takes and gives, it takes what it gave.
          const batch = batches.find(({ name }) => name === order.batch) as Task<Needs<Batches[number]>> | undefined
          if (batch === undefined) return undefined
          return new Shift(order, {
            ...settings,
            run: (item, rules: Rules | undefined) => Effect.provide(runItem(batch, item, rules), context)
          })
        },
        yield* Effect.runtime<never>(),
        options.onLeft
      )
      yield* sharding.registerEntity(
        Chunk,
        Effect.succeed({ work: ({ payload }: { readonly payload: Order }) => crew.serve(payload) }),
        { concurrency: "unbounded" }
      )
      // The last finalizer is the first to run: its orders are answered before it leaves the cluster.
      yield* Effect.addFinalizer(() => crew.leave)
    })
  )

/** The shifts of a worker: one for each run that it has orders of. */
class Crew {
  private gone = false
  private readonly shifts = new Map<string, { readonly shift: Shift; readonly fiber: Fiber.RuntimeFiber<void> }>()
  /** A run that a rule has stopped is not begun again by the orders that are still on their way. */
  private readonly stops = new Map<string, Stop>()

  constructor(
    private readonly make: (order: Order) => Shift | undefined,
    private readonly runtime: Runtime.Runtime<never>,
    private readonly onLeft: WorkerOptions["onLeft"]
  ) {}

  readonly serve = (order: Order): Effect.Effect<Answer> =>
    Effect.gen(this, function* () {
      const stop = this.stops.get(order.run)
      if (stop !== undefined) return { ...idle, shift: "", stop }
      const shift = this.shifts.get(order.run)?.shift ?? (this.gone ? undefined : this.begin(order))
      return shift === undefined ? idle : yield* shift.serve
    })

  private begin(order: Order): Shift | undefined {
    const shift = this.make(order)
    if (shift === undefined) return undefined
    const ended = Effect.sync(() => {
      this.shifts.delete(order.run)
      if (shift.stop !== undefined) this.stops.set(order.run, shift.stop)
      if (this.gone) this.onLeft?.(order.batch, shift.left)
    })
    const fiber = Runtime.runFork(this.runtime)(Effect.ensuring(shift.work, ended))
    this.shifts.set(order.run, { shift, fiber })
    return shift
  }

  readonly leave: Effect.Effect<void> = Effect.suspend(() => {
    this.gone = true
    const shifts = Array.from(this.shifts.values())
    for (const { shift } of shifts) shift.leave()
    return Fiber.awaitAll(shifts.map(({ fiber }) => fiber))
  })
}

const idle: Answer = { shift: null, claimed: 0, done: 0, failed: 0, inFlight: 0, last: null, stop: null }
