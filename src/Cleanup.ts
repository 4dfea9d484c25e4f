/**
 * Who waits for cleanup that outlives an answer; the one place that lets go of a fiber.
 *
 * In Effect, whoever interrupts a fiber waits for its finalizers: `Effect.all` returns a failure only after the losers
 * have cleaned up, and `Effect.timeout` waits in the same way (3 s for a 3 s finalizer, effect 3.22.4). Here every source
 * runs in a fiber of its own; whoever cancels it goes on at once, and the fiber is registered with an owner who waits.
 *
 * @since 0.1.0
 */
import { Cause, Context, Effect, type Exit, Fiber, FiberId, FiberRef, Option, Runtime, type Scope } from "effect"
import * as Options from "./Options.ts"

/**
 * What somebody wants to hear of a fiber started here. All calls are synchronous and must not throw.
 *
 * @since 0.1.0
 * @category models
 */
export interface Watch<A, E> {
  readonly name: string
  /** It ended by itself. */
  readonly ended: (exit: Exit.Exit<A, E>) => void
  /** It was told to stop; what follows is cleanup. */
  readonly cancelled: () => void
  /** Its cleanup has ended. */
  readonly cleaned: () => void
  /** Its owner stopped waiting for its cleanup. */
  readonly gaveUp: () => void
}

/**
 * A fiber and the way to cancel it without waiting.
 *
 * @since 0.1.0
 * @category models
 */
export interface Running<A, E> {
  readonly await: Effect.Effect<Exit.Exit<A, E>>
  /** Interrupts the fiber and hands it to its owner; does nothing when it has ended or was cancelled before. */
  readonly cancel: () => void
  /** Carries the fiber's changes of fiber refs over to the caller, as `Fiber.join` does. */
  readonly inheritAll: Effect.Effect<void>
}

/**
 * An effect for a fiber whose failure is handled where the fiber was started: Effect logs every other fiber that fails as
 * "terminated with an unhandled error". Fibers that the effect forks itself still report theirs, and so does this one where it
 * was cancelled and its finalizers raise a defect, which no answer has.
 *
 * @since 0.1.0
 * @category running
 */
export const handled = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catchAllCause(effect, unreported)

const unreported = <E>(cause: Cause.Cause<E>): Effect.Effect<never, E> =>
  Effect.zipRight(FiberRef.set(FiberRef.unhandledErrorLogLevel, Option.none()), Effect.failCause(cause))

/**
 * Starts an effect in a fiber of its own. It can be cancelled even when the caller is in an uninterruptible region.
 *
 * The watch hears how it ended, so a failure of it is {@link handled}.
 *
 * A defect in the finalizers of a cancelled effect has no answer left to appear in, so it is logged, with the name.
 *
 * @since 0.1.0
 * @category running
 */
export const start = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  watch: Watch<A, E>
): Effect.Effect<Running<A, E>, never, R> =>
  Effect.flatMap(Owner, (owner) =>
    Effect.map(Effect.forkDaemon(Effect.interruptible(handled(effect))), (fiber) => ({
      await: Fiber.await(fiber),
      cancel: watched(fiber, owner, watch),
      inheritAll: Fiber.inheritAll(fiber)
    }))
  )

/**
 * Watches a fiber that runs a {@link handled} effect; gives the way to cancel it without waiting, as in {@link Running}.
 *
 * @since 0.1.0
 * @category running
 */
export const watched = <A, E>(
  fiber: Fiber.RuntimeFiber<A, E>,
  owner: Registry,
  watch: Watch<A, E>
): Running<A, E>["cancel"] => {
  let cancelled = false
  fiber.addObserver((exit) => {
    if (!cancelled) return watch.ended(exit)
    logLateDefect(watch.name, exit, fiber)
    watch.cleaned()
  })
  return () => {
    if (cancelled || fiber.unsafePoll() !== null) return
    cancelled = true
    watch.cancelled()
    owner.adopt(watch, fiber)
  }
}

/**
 * Runs an effect so that interrupting it returns at once, whatever the effect does; its cleanup goes on under the owner.
 * `started` is given the fiber.
 *
 * @since 0.1.0
 * @category running
 */
export const detach = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  watch: Watch<A, E>,
  started?: (running: Running<A, E>) => void
): Effect.Effect<Exit.Exit<A, E>, never, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(start(effect, watch), (running) => {
      started?.(running)
      return restore(running.await).pipe(
        Effect.tap((exit) => (exit._tag === "Success" ? running.inheritAll : Effect.void)),
        Effect.onInterrupt(() => Effect.sync(running.cancel))
      )
    })
  )

/** To the loggers that the fiber had. */
const logLateDefect = (
  name: string,
  exit: Exit.Exit<unknown, unknown>,
  fiber: Fiber.RuntimeFiber<unknown, unknown>
): void => {
  if (exit._tag === "Success" || Cause.isInterruptedOnly(exit.cause) || !Cause.isDie(exit.cause)) return
  const { runtimeFlags } = Runtime.defaultRuntime
  const runtime = Runtime.make({ context: Context.empty(), fiberRefs: fiber.getFiberRefs(), runtimeFlags })
  const text = `"${name}" raised a defect while it was being cancelled`
  Runtime.runFork(runtime, Effect.annotateLogs(Effect.logError(text, exit.cause), { source: name }))
}

/**
 * The set of fibers that are cleaning up after they were cancelled.
 *
 * @since 0.1.0
 * @category models
 */
export interface Registry {
  /** Interrupts a fiber and keeps it until it has ended. */
  readonly adopt: (
    watch: Pick<Watch<unknown, unknown>, "name" | "gaveUp">,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ) => void
  /** The names of those that are still cleaning up. */
  readonly running: () => ReadonlyArray<string>
  /** Waits until nothing is cleaning up. */
  readonly settled: Effect.Effect<void>
  /** Stops waiting: says so to whoever watches, and hands what still runs to another registry. */
  readonly giveUp: (heir: Registry) => ReadonlyArray<string>
}

const makeRegistry = (): Registry => {
  const adopted = new Map<Fiber.RuntimeFiber<unknown, unknown>, Parameters<Registry["adopt"]>[0]>()
  const waiting = new Set<() => void>()
  let heir: Registry | undefined
  return {
    adopt: (watch, fiber) => {
      if (heir !== undefined) return heir.adopt(watch, fiber)
      adopted.set(fiber, watch)
      fiber.addObserver(() => {
        if (adopted.delete(fiber) && adopted.size === 0) waiting.forEach((wake) => wake())
      })
      fiber.unsafeInterruptAsFork(FiberId.none)
    },
    running: () => Array.from(adopted.values(), (watch) => watch.name),
    settled: Effect.async<void>((resume) => {
      if (adopted.size === 0) return resume(Effect.void)
      const wake = () => {
        waiting.delete(wake)
        resume(Effect.void)
      }
      waiting.add(wake)
      return Effect.sync(() => void waiting.delete(wake))
    }),
    giveUp: (next) => {
      heir = next
      const left = Array.from(adopted)
      adopted.clear()
      for (const [fiber, watch] of left) {
        watch.gaveUp()
        next.adopt(watch, fiber)
      }
      waiting.forEach((wake) => wake())
      return left.map(([, watch]) => watch.name)
    }
  }
}

const everyone = makeRegistry()

/**
 * The cleanup owner that sources started here belong to: the aggregator's, or one for the whole process.
 *
 * @since 0.1.0
 * @category services
 */
export class Owner extends Context.Reference<Owner>()("effect-muster/Cleanup/Owner", {
  defaultValue: (): Registry => everyone
}) {}

/**
 * Waits until every cleanup of the current owner has ended; outside an aggregator, all that the process has left.
 *
 * Put it at the end of a test or of a program that must not exit before its cleanup has.
 *
 * @since 0.1.0
 * @category running
 */
export const settled: Effect.Effect<void> = Effect.flatMap(Owner, (owner) => owner.settled)

/**
 * How long closing a scope waits for cleanup, in milliseconds, when nothing else is said: 5 seconds.
 *
 * @since 0.1.0
 * @category models
 */
export const defaultCloseTimeout = 5_000

/**
 * Makes an owner whose scope, when it closes, waits for what is cleaning up, at most `closeTimeout` milliseconds.
 *
 * After that it gives up: each is marked `gave-up`, named in a warning, and left to the process-wide set.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: { readonly closeTimeout?: number }): Effect.Effect<Registry, never, Scope.Scope> =>
  Effect.suspend(() => {
    const closeTimeout = Options.duration("Cleanup.make", "closeTimeout", options?.closeTimeout ?? defaultCloseTimeout)
    const registry = makeRegistry()
    const close = Effect.interruptible(registry.settled).pipe(
      Effect.timeoutTo({ duration: closeTimeout, onSuccess: () => false, onTimeout: () => true }),
      Effect.flatMap(() => Effect.sync(() => registry.giveUp(everyone))),
      Effect.flatMap((left) =>
        left.length === 0
          ? Effect.void
          : Effect.logWarning(`Gave up waiting for cleanup after ${closeTimeout} ms: ${left.join(", ")}`)
      )
    )
    return Effect.as(
      Effect.addFinalizer(() => close),
      registry
    )
  })
