/**
 * Makes one call of many requests that come at about the same time, whoever makes them.
 *
 * Effect batches requests of fibers that one `Effect.forEach` with `batching` has started. Sources of a gather run in fibers
 * of their own, as does what has a time limit: there its batches have one request each.
 *
 * @since 0.1.0
 */
import { type Context, Deferred, type Duration, Effect, FiberId, Request, RequestBlock, RequestResolver } from "effect"
import * as Cleanup from "../Cleanup.ts"
import * as Deadline from "../Deadline.ts"
import * as Options from "../Options.ts"
import { Asking } from "../Receipt/Asking.ts"
import * as Bounds from "./Bounds.ts"
import { type Arrival, arrival, Shared } from "./Patience.ts"

/**
 * How requests are batched.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchingOptions {
  /** How long the first request of a batch waits for others; default zero: for those that come in the same instant. */
  readonly window?: Duration.DurationInput | undefined
  /** A batch of so many does not wait any longer; default: no limit. */
  readonly maxSize?: number | undefined
}

/**
 * Makes a resolver that batches the requests of all fibers, in a gather too, and each with a time limit of its own.
 *
 * - A request that is interrupted leaves its batch. When all have left, the call is cancelled, and its cleanup goes on under
 *   the cleanup owner.
 * - The ambient deadline of the call is the latest of its requests.
 * - The call is made with the services from where this is run, and not with those of any request: what tells callers apart
 *   must stand in the request.
 *
 * @example
 * ```ts
 * const users = yield* Batching.make(GetUsersById, { maxSize: 100 })
 *
 * const user = (id: number) => Effect.request(new GetUserById({ id }), users).pipe(Source.timeLimit("1 second"))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A extends Request.Request<unknown, unknown>, R>(
  resolver: RequestResolver.RequestResolver<A, R>,
  options: BatchingOptions = {}
): Effect.Effect<RequestResolver.RequestResolver<A>, never, R> =>
  Effect.map(Effect.context<R>(), (context) => {
    const where = "Batching.make"
    const window = Bounds.wait(where, "window", options.window ?? 0)
    const maxSize = options.maxSize === undefined ? Infinity : Options.count(where, "maxSize", options.maxSize)
    const whole = tellingDefects(resolver)
    let open: Batch<A> | undefined
    const close = (batch: Batch<A>) => {
      if (open === batch) open = undefined
      Deferred.unsafeDone(batch.isClosed, Effect.void)
    }

    const call = (batch: Batch<A>) =>
      Effect.timeoutOption(Effect.interruptible(Deferred.await(batch.isClosed)), window).pipe(
        Effect.flatMap(() => {
          close(batch)
          const requests = Array.from(batch.items, ({ entry }) => RequestBlock.single(whole, entry))
          const all = requests.reduce(RequestBlock.parallel, RequestBlock.empty)
          return Effect.provideService(Effect.runRequestBlock(all), Deadline.Current, batch.until)
        }),
        Effect.provideService(Shared, () => Infinity),
        Effect.provideService(Asking, Asking.defaultValue()),
        Effect.mapInputContext((_: Context.Context<never>) => context)
      )

    const ask = (request: A) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(arrival, (here) => {
          const found = open
          const batch = (open = found ?? new Batch<A>(close))
          const item = batch.join(request, here)
          if (batch.items.size >= maxSize) close(batch)
          const started = found === undefined ? batch.start(call(batch)) : Effect.void
          const answer = Deferred.await(item.entry.result)
          return Effect.zipRight(
            started,
            Effect.onError(restore(answer), () => Effect.sync(() => batch.leave(item)))
          )
        })
      )

    return RequestResolver.fromEffect(ask)
  })

/**
 * A call that dies gives its defect to all of its requests; in Effect they are interrupted, as if nobody wanted them. The
 * cast: what it needs is in the context of every call.
 */
const tellingDefects = <A, R>(resolver: RequestResolver.RequestResolver<A, R>) =>
  RequestResolver.makeWithEntry((requests: Array<Array<Request.Entry<A>>>) =>
    Effect.catchAllCause(resolver.runAll(requests), (cause) =>
      Effect.sync(() => {
        for (const { result, state } of requests.flat()) {
          if (state.completed) continue
          state.completed = true
          Deferred.unsafeDone(result, Effect.failCause(cause))
        }
      })
    )
  ) as RequestResolver.RequestResolver<A>

/** Who waits for a request: one, or none any more. Effect cancels a call when nobody waits for any of its requests. */
class Listeners implements Request.Listeners {
  count = 1
  interrupted = false
  readonly observers = new Set<(count: number) => void>()

  addObserver(observer: (count: number) => void): void {
    this.observers.add(observer)
  }

  removeObserver(observer: (count: number) => void): void {
    this.observers.delete(observer)
  }

  increment(): void {
    this.count += 1
    this.observers.forEach((observer) => observer(this.count))
  }

  decrement(): void {
    this.count -= 1
    this.observers.forEach((observer) => observer(this.count))
  }
}

/** A request in a batch. */
interface Item<A> {
  readonly entry: Request.Entry<A>
  readonly arrival: Arrival
}

/** The requests of one call. */
class Batch<A extends Request.Request<unknown, unknown>> implements Cleanup.Watch<void, never> {
  readonly items = new Set<Item<A>>()
  /** Done when it waits for no more requests. */
  readonly isClosed = Deferred.unsafeMake<void>(FiberId.none)
  readonly name = "a batch"
  private running: Cleanup.Running<void, never> | undefined
  /** On whose account its cleanup is: that of the last who left. */
  private cleanup: Cleanup.Watch<unknown, unknown> | undefined

  constructor(private readonly close: (batch: Batch<A>) => void) {}

  /** The latest deadline of those who wait. */
  get until(): number {
    return Math.max(...Array.from(this.items, ({ arrival }) => arrival.until))
  }

  join(request: A, here: Arrival): Item<A> {
    const entry = Request.makeEntry({
      // The same request may be in a batch twice.
      request: new Proxy(request, {}),
      result: Deferred.unsafeMake<Request.Request.Success<A>, Request.Request.Error<A>>(FiberId.none),
      listeners: new Listeners(),
      ownerId: FiberId.none,
      state: { completed: false }
    })
    const item = { entry, arrival: here }
    this.items.add(item)
    return item
  }

  /** It is not interrupted: a call of several requests would go on all the same. It ends once nobody waits. */
  start(call: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.map(Cleanup.start(Effect.uninterruptible(call), this), (running) => {
      this.running = running
      if (this.items.size === 0) running.cancel()
    })
  }

  leave(item: Item<A>): void {
    if (!this.items.delete(item)) return
    if (this.items.size === 0) {
      this.cleanup = item.arrival.asking.inner()
      this.close(this)
      this.running?.cancel()
    }
    item.entry.listeners.decrement()
  }

  ended(): void {
    this.items.clear()
  }

  cancelled(): void {
    this.cleanup?.cancelled()
  }

  cleaned(): void {
    this.cleanup?.cleaned()
  }

  gaveUp(): void {
    this.cleanup?.gaveUp()
  }
}
