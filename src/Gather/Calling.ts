/**
 * Effects that are an exchange by direct calls, and say so: they are asked without a fiber.
 *
 * @since 0.1.0
 */
import { Context, Effect, Either, Exit, type Fiber, Option, Runtime, Tracer } from "effect"
import * as Cleanup from "../Cleanup.ts"
import * as Deadline from "../Deadline.ts"
import { Asking, type Asked } from "../Receipt/Asking.ts"
import * as Spans from "../Receipt/Spans.ts"

/**
 * For which source it is, until when, in which span, and what is around it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Where {
  readonly asking: Asked
  /** On the scale of `Deadline.Current`. */
  readonly deadline: number
  readonly parent: Tracer.AnySpan | undefined
  /** `undefined` where tracing is off. */
  readonly spans: Spans.Spans | undefined
  /** Has what is cleaning up. */
  readonly owner: Cleanup.Registry
  /** The services. Deadline, span and owner of this place are those above. */
  readonly context: Context.Context<never>
  /** Has the clock, the loggers and all else that is no service: the one that waits for it, if there is one. */
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
}

/**
 * An exchange that begins at once and calls back once when it has ended; it gives the way to cancel it, after which nothing is
 * called back. What is left to clean up then is watched by `asking.inner`, and its owner has it.
 *
 * @since 0.1.0
 * @category models
 */
export type Call<A, E> = (where: Where, done: (exit: Exit.Exit<A, E>) => void) => () => void

const key: unique symbol = Symbol.for("effect-muster/Gather/Calling")

/**
 * A call as an effect that is marked with it. What is made from it is not marked, but by {@link mapExit} and {@link flatMap}.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, E>(call: Call<A, E>): Effect.Effect<A, E> =>
  mark(
    Effect.withFiberRuntime<A, E>((fiber) =>
      Effect.async((resume) => {
        const cancel = call(here(fiber), resume)
        return Effect.sync(cancel)
      })
    ),
    call
  )

/**
 * Says that an effect does the same as a call, whose services stand in the context of where it is called.
 *
 * @since 0.1.0
 * @category constructors
 */
export const mark = <A, E, R>(effect: Effect.Effect<A, E, R>, call: Call<A, E>): Effect.Effect<A, E, R> =>
  Object.assign(effect, { [key]: call })

/**
 * What an effect was marked with.
 *
 * @since 0.1.0
 * @category getters
 */
export const of = <A, E, R>(effect: Effect.Effect<A, E, R>): Call<A, E> | undefined =>
  // The cast: only `mark` writes this key, with the types of the effect.
  key in effect ? (effect[key] as Call<A, E>) : undefined

/**
 * What a fiber knows of where it is; or what one would know with these services.
 *
 * @since 0.1.0
 * @category getters
 */
export const here = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  context: Context.Context<never> = fiber.currentContext
): Where => ({
  asking: Context.get(context, Asking),
  deadline: Context.get(context, Deadline.Current),
  parent: Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan)),
  spans: Spans.of(fiber),
  owner: Context.get(context, Cleanup.Owner),
  context,
  fiber
})

/**
 * Runs an effect as a call: what is known already is called back at once, one that is marked is called, and any other gets a
 * fiber.
 *
 * @since 0.1.0
 * @category running
 */
export const start = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  where: Where,
  done: (exit: Exit.Exit<A, E>) => void
): (() => void) => {
  const call = of(effect)
  if (call !== undefined) return called(call, where, done)
  const exit = known(effect)
  if (exit === undefined) return forked(effect, where, done)
  done(exit)
  return nothing
}

const nothing = () => {}

/** What a call throws is a defect. */
const called = <A, E>(call: Call<A, E>, where: Where, done: (exit: Exit.Exit<A, E>) => void) => {
  let isOver = false
  const ended = (exit: Exit.Exit<A, E>) => {
    isOver = true
    done(exit)
  }
  try {
    return call(where, ended)
  } catch (defect) {
    if (isOver) throw defect
    done(Exit.die(defect))
    return nothing
  }
}

const known = <A, E, R>(effect: Effect.Effect<A, E, R>): Exit.Exit<A, E> | undefined => {
  // The cast: an effect that is an `Exit` is one of the same types.
  if (Exit.isExit(effect)) return effect as Exit.Exit<A, E>
  if (!isKnown(effect)) return undefined
  return Either.isRight(effect) ? Exit.succeed(effect.right) : Exit.fail(effect.left)
}

/**
 * Whether an effect is an `Either`, which it then is with the same types: what it gives is known already.
 *
 * @since 0.1.0
 * @category guards
 */
export const isKnown = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Either.Either<A, E> =>
  Either.isEither(effect)

const forked = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  { asking, context, deadline, fiber, owner, parent }: Where,
  done: (exit: Exit.Exit<A, E>) => void
) => {
  const services = new Map(context.unsafeMap)
  services.set(Asking.key, asking).set(Deadline.Current.key, deadline).set(Cleanup.Owner.key, owner)
  if (parent !== undefined) services.set(Tracer.ParentSpan.key, parent)
  const runtime = Runtime.make({
    context: Context.unsafeMake<R>(services),
    fiberRefs: fiber.getFiberRefs(),
    runtimeFlags: Runtime.defaultRuntimeFlags
  })
  const started = Runtime.runFork(runtime, Cleanup.handled(effect))
  started.addObserver(done)
  const cancel = Cleanup.watched(started, owner, asking.inner())
  return () => {
    started.removeObserver(done)
    cancel()
  }
}

/**
 * Makes something else of how it ends. What `f` throws is a defect.
 *
 * @since 0.1.0
 * @category mapping
 */
export const mapExit = <A, E, R, B, E2>(
  effect: Effect.Effect<A, E, R>,
  f: (exit: Exit.Exit<A, E>) => Exit.Exit<B, E2>
): Effect.Effect<B, E2, R> => {
  const mapped = Effect.matchCauseEffect(effect, {
    onFailure: (cause) => f(Exit.failCause(cause)),
    onSuccess: (value) => f(Exit.succeed(value))
  })
  const call = of(effect)
  return call === undefined
    ? mapped
    : mark(mapped, (where, done) => call(where, (exit) => done(attempt(() => f(exit)))))
}

/**
 * `Effect.flatMap`; what `f` gives is started as a call.
 *
 * @since 0.1.0
 * @category mapping
 */
export const flatMap = <A, E, R, B, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  f: (value: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> => {
  const mapped = Effect.flatMap(effect, f)
  const call = of(effect)
  if (call === undefined) return mapped
  return mark(mapped, (where, done) => {
    let next: (() => void) | undefined
    const cancel = call(where, (exit) => {
      if (exit._tag === "Failure") done(Exit.failCause(exit.cause))
      else
        next = start<B, E2, R2>(
          attempt(() => f(exit.value)),
          where,
          done
        )
    })
    return () => (next ?? cancel)()
  })
}

/**
 * What a function gives; what it throws is a defect.
 *
 * @since 0.1.0
 * @category running
 */
export const attempt = <A>(f: () => A): A | Exit.Exit<never> => {
  try {
    return f()
  } catch (defect) {
    return Exit.die(defect)
  }
}
