/**
 * Calls for one answer, and how long to wait for them.
 *
 * @since 0.1.0
 */
import { Effect, type Exit, FiberId } from "effect"
import * as Cleanup from "../Cleanup.ts"
import type { Restore } from "../Permits.ts"

/**
 * One of the calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface Runner<A, E> {
  running: Cleanup.Running<A, E> | undefined
  /** How it ended by itself. */
  exit: Exit.Exit<A, E> | undefined
}

/**
 * The calls that were made for one answer, and what became of them. The first success stops the others. Whoever waits here is woken when one of them ends, or
 * by `ring`, and looks for what has changed: so nothing that happens in one instant is lost, in whichever order.
 *
 * @since 0.1.0
 * @category models
 */
export class Race<A, E> {
  readonly runners: Array<Runner<A, E>> = []
  /** In the order in which they ended. */
  readonly ended: Array<Runner<A, E>> = []
  private wake = () => {}

  /** Wakes whoever waits. */
  readonly ring = (): void => this.wake()

  /** Makes a call. It is told to stop with `cancel`, without waiting for it. */
  start<R>(effect: Effect.Effect<A, E, R>, watch: Cleanup.Watch<A, E>): Effect.Effect<Runner<A, E>, never, R> {
    const runner: Runner<A, E> = { running: undefined, exit: undefined }
    this.runners.push(runner)
    const ended = (exit: Exit.Exit<A, E>) => {
      runner.exit = exit
      this.ended.push(runner)
      // In this very instant: a call that waits for the place of this one would otherwise still go out.
      if (exit._tag === "Success") this.cancel()
      watch.ended(exit)
      this.ring()
    }
    return Effect.map(Cleanup.start(effect, { ...watch, ended }), (running) => {
      runner.running = running
      return runner
    })
  }

  /** Waits until this is so. */
  until(isSo: () => boolean): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      this.wake = () => {
        if (isSo()) resume(Effect.void)
      }
      this.wake()
    })
  }

  /**
   * Waits until this is so, at most this many milliseconds: then `onTime` is called. Call it where nothing is interrupted but
   * by `restore`.
   */
  within(millis: number, isSo: () => boolean, restore: Restore, onTime = this.ring): Effect.Effect<void> {
    if (millis === Infinity) return restore(this.until(isSo))
    return Effect.flatMap(Effect.forkDaemon(Effect.interruptible(Effect.sleep(millis))), (timer) => {
      timer.addObserver((exit) => {
        if (exit._tag === "Success") onTime()
      })
      return Effect.ensuring(
        restore(this.until(() => timer.unsafePoll() !== null || isSo())),
        Effect.sync(() => timer.unsafeInterruptAsFork(FiberId.none))
      )
    })
  }

  /** The answer of a call that has ended, with the changes of fiber refs that it made. */
  answer({ exit, running }: Runner<A, E>): Effect.Effect<A, E> {
    if (exit === undefined || running === undefined) return Effect.dieMessage("The call has not ended")
    return exit._tag === "Success" ? Effect.as(running.inheritAll, exit.value) : exit
  }

  /** Tells every call to stop that still runs. */
  readonly cancel = (): void => {
    for (const { running } of this.runners) running?.cancel()
  }
}
