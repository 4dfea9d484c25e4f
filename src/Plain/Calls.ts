/**
 * Runs aggregations for callers without Effect: a signal that cancels, a receipt, and an end that waits for all of them.
 *
 * @since 0.1.0
 */
import {
  Cause,
  Context,
  Effect,
  Exit,
  Fiber,
  FiberId,
  FiberRef,
  FiberRefs,
  HashSet,
  Layer,
  type Logger,
  Runtime,
  Schema,
  Scope
} from "effect"
import { Aggregator, type AggregatorOptions } from "../Aggregator.ts"
import { InputFailed } from "../Gather.ts"
import type { Receipt } from "../Receipt.ts"
import { onAbort } from "./Abort.ts"
import { Channel } from "./Channel.ts"

/**
 * The aggregator was closed, before the call or during it.
 *
 * @since 0.1.0
 * @category errors
 */
export class AggregatorClosed extends Schema.TaggedError<AggregatorClosed>("effect-muster/Plain/AggregatorClosed")(
  "AggregatorClosed",
  { aggregation: Schema.String }
) {
  override get message() {
    return `The aggregator was closed: "${this.aggregation}" gets no answer from it`
  }
}

/**
 * What a call needs to know besides what it asks.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly onReceipt?: ((receipt: Receipt) => void) | undefined
}

/**
 * Who wants to know how a call ended. Exactly one of the two is called, once.
 *
 * @since 0.1.0
 * @category models
 */
export interface Caller<A> {
  readonly answered: (answer: A) => void
  readonly failed: (reason: unknown) => void
}

/**
 * Builds an aggregation.
 *
 * @since 0.1.0
 * @category models
 */
export type Body<A> = () => Effect.Effect<A, unknown, Aggregator>

/**
 * The calls of one aggregator. A wrong option is thrown as an `InvalidOption`.
 *
 * @since 0.1.0
 * @category models
 */
export class Calls {
  private readonly scope = Effect.runSync(Scope.make())
  private readonly aggregator: Context.Tag.Service<Aggregator>
  private readonly running = new Map<Fiber.RuntimeFiber<unknown, unknown>, () => void>()
  private readonly readers = new Set<Channel<Receipt>>()
  private closing: Promise<void> | undefined
  private closed = false

  constructor(options: AggregatorOptions | undefined) {
    const built = Effect.runSyncExit(Scope.extend(Layer.build(Aggregator.layer(options)), this.scope))
    if (built._tag === "Failure") throw thrown(built.cause)
    this.aggregator = Context.get(built.value, Aggregator)
  }

  /** Runs an aggregation and gives its answer. */
  answer<A>(name: string, options: CallOptions | undefined, body: Body<A>): Promise<A> {
    return new Promise((answered, failed) => void this.start(name, options, body, { answered, failed }))
  }

  /**
   * Runs an aggregation; returns a way to cancel it unheard. Nothing is logged: log lines would go to stdout, which is the
   * program's own, and what happened stands in the receipt.
   */
  start<A>(name: string, options: CallOptions | undefined, body: Body<A>, caller: Caller<A>): () => void {
    const { signal } = options ?? {}
    const aborted = () => caller.failed(signal?.reason)
    const closed = () => caller.failed(new AggregatorClosed({ aggregation: name }))
    if (signal?.aborted === true || this.closing !== undefined) {
      if (signal?.aborted === true) aborted()
      else closed()
      return () => {}
    }
    const fiber = this.launch(body, options?.onReceipt)
    let left = false
    const leave = (say: () => void) => {
      if (left) return
      left = true
      deafen?.()
      say()
    }
    const cancel = (say: () => void) => {
      leave(say)
      fiber.unsafeInterruptAsFork(fiber.id())
    }
    const deafen = signal && onAbort(signal, () => cancel(aborted))
    this.running.set(fiber, () => cancel(closed))
    fiber.addObserver((exit) => {
      this.running.delete(fiber)
      leave(() => (exit._tag === "Success" ? caller.answered(exit.value) : caller.failed(thrown(exit.cause))))
    })
    return () => cancel(() => {})
  }

  private launch<A>(body: Body<A>, onReceipt: CallOptions["onReceipt"]): Fiber.RuntimeFiber<A, unknown> {
    const publish = (receipt: Receipt) => {
      if (onReceipt !== undefined) tell(onReceipt, receipt)
      this.readers.forEach((reader) => reader.offer(receipt))
    }
    // Not by `Effect.provideService`, which compares contexts: a fiber that begins with its services costs 20 us less.
    const context = Context.make(Aggregator, watched(this.aggregator, publish))
    const { runtimeFlags } = Runtime.defaultRuntime
    return Runtime.runFork(Runtime.make({ context, fiberRefs: silent, runtimeFlags }), Effect.suspend(body))
  }

  /** Every receipt from now on, each once its last cleanup has ended; it ends when the aggregator is closed. */
  receipts(): AsyncIterableIterator<Receipt> {
    const reader = new Channel<Receipt>(() => this.readers.delete(reader))
    if (this.closed) reader.end()
    else this.readers.add(reader)
    return reader
  }

  /** Cancels what runs, and waits for cleanup: the `grace` of what runs, and then at most the `closeTimeout`. */
  close(): Promise<void> {
    return (this.closing ??= Effect.runPromise(
      Effect.gen(this, function* () {
        const fibers = Array.from(this.running.keys())
        this.running.forEach((cancel) => cancel())
        yield* Fiber.interruptAll(fibers)
        yield* Scope.close(this.scope, Exit.void)
        this.closed = true
        this.readers.forEach((reader) => reader.end())
        this.readers.clear()
      }).pipe(silently)
    ))
  }
}

const noLoggers = HashSet.empty<Logger.Logger<unknown, unknown>>()

const silently = Effect.locally(FiberRef.currentLoggers, noLoggers)

const silent = FiberRefs.updateAs(Runtime.defaultRuntime.fiberRefs, {
  fiberId: FiberId.none,
  fiberRef: FiberRef.currentLoggers,
  value: noLoggers
})

/** An aggregator that says what happened in every aggregation, once its last cleanup has ended. */
const watched = (
  aggregator: Context.Tag.Service<Aggregator>,
  publish: (receipt: Receipt) => void
): Context.Tag.Service<Aggregator> => ({
  ...aggregator,
  observe: (name, policy, options, body) =>
    aggregator.observe(name, policy, options, (context) =>
      Effect.onExit(body(context), () =>
        Effect.sync(() => {
          const { recorder } = context
          // A wrong option, or the like: nothing was asked, and nothing happened that a receipt could tell.
          if (recorder.ending === undefined) return
          recorder.whenSettled(() => publish(recorder.receipt()))
        })
      )
    )
})

/** A listener that throws has no caller who could hear of it, and must harm no answer: it is heard of on stderr. */
const tell = (onReceipt: (receipt: Receipt) => unknown, receipt: Receipt): void => {
  new Promise((resolve) => resolve(onReceipt(receipt))).catch((error: unknown) =>
    console.error("effect-muster: onReceipt failed:", error)
  )
}

/** What a promise rejects with. Inside a span Effect puts a Proxy around errors; nobody else should see it. */
const thrown = (cause: Cause.Cause<unknown>): unknown => {
  const error = Cause.originalError(Cause.squash(cause))
  if (!(error instanceof InputFailed)) return error
  return new InputFailed({ error: Cause.originalError(error.error), outcomes: error.outcomes })
}
