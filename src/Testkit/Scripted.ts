/**
 * Sources that do what their script says.
 *
 * @since 0.1.0
 */
import { Clock, type Duration, Effect } from "effect"
import * as Options from "../Options.ts"

/**
 * What a scripted source saw, in milliseconds on the Clock: under `TestClock`, since the test began. One element for each
 * time it was asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Seen {
  readonly asked: Array<number>
  /** It gave its value, error or defect. */
  readonly ended: Array<number>
  /** It was interrupted. */
  readonly interrupted: Array<number>
  /** Its cleanup after an interruption had ended. */
  readonly cleaned: Array<number>
}

/**
 * A source that does what its script says, and remembers what was done to it. It is an effect.
 *
 * @since 0.1.0
 * @category models
 */
export type Scripted<A, E = never> = Effect.Effect<A, E> & { readonly seen: Seen }

/**
 * How a scripted source behaves besides its ending.
 *
 * @since 0.1.0
 * @category models
 */
export interface Script {
  /** How long it takes; default zero. */
  readonly after?: Duration.DurationInput | undefined
  /** How long its cleanup takes when it is interrupted; default zero. */
  readonly cleanup?: Duration.DurationInput | undefined
  /** A defect that its cleanup raises. */
  readonly cleanupDefect?: unknown
  /** It cannot be interrupted before its time has passed. */
  readonly uninterruptible?: boolean | undefined
}

/**
 * A source that gives a value.
 *
 * @since 0.1.0
 * @category scripted sources
 */
export const succeeds = <A>(value: A, script?: Script): Scripted<A> => scripted(Effect.succeed(value), script)

/**
 * A source that fails.
 *
 * @since 0.1.0
 * @category scripted sources
 */
export const fails = <E>(error: E, script?: Script): Scripted<never, E> => scripted(Effect.fail(error), script)

/**
 * A source that raises a defect.
 *
 * @since 0.1.0
 * @category scripted sources
 */
export const dies = (defect: unknown, script?: Script): Scripted<never> => scripted(Effect.die(defect), script)

/**
 * A source that never ends by itself.
 *
 * @since 0.1.0
 * @category scripted sources
 */
export const hangs = (script?: Omit<Script, "after" | "uninterruptible">): Scripted<never> => scripted(forEver, script)

// Not Effect.never, whose timer of the real clock would keep the process alive after a test that leaks it.
// It takes its argument so that Effect makes no AbortController for it.
const forEver = Effect.async<never>((_resume) => Effect.void)

const scripted = <A, E>(ending: Effect.Effect<A, E>, script: Script | undefined): Scripted<A, E> => {
  const after = Options.duration("Testkit", "after", script?.after ?? 0)
  const cleanup = Options.duration("Testkit", "cleanup", script?.cleanup ?? 0)
  const seen: Seen = { asked: [], ended: [], interrupted: [], cleaned: [] }
  const at = (times: Array<number>) => Effect.map(Clock.currentTimeMillis, (now) => void times.push(now))

  const noted = Effect.onExit(ending, (exit) =>
    exit._tag === "Success" || exit.cause._tag !== "Interrupt" ? at(seen.ended) : Effect.void
  )
  const timed = after === 0 ? noted : Effect.zipRight(Effect.sleep(after), noted)
  const cleaning = at(seen.interrupted).pipe(
    Effect.andThen(cleanup === 0 ? Effect.void : Effect.sleep(cleanup)),
    Effect.andThen(at(seen.cleaned)),
    Effect.andThen(script?.cleanupDefect === undefined ? Effect.void : Effect.die(script.cleanupDefect))
  )
  const effect = Effect.zipRight(at(seen.asked), script?.uninterruptible ? Effect.uninterruptible(timed) : timed).pipe(
    Effect.onInterrupt(() => cleaning)
  )
  return Object.assign(effect, { seen })
}
