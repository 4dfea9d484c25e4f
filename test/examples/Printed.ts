/**
 * Runs a program in virtual time and keeps what it prints.
 */
import { Effect } from "effect"
import { Testkit } from "../../src/index.ts"

/** Lines on stdout and stderr, how many milliseconds it took, and how it ended. */
export const printed = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const stdout: Array<string> = []
    const stderr: Array<string> = []
    const real = yield* Effect.console
    const [elapsed, exit] = yield* Effect.withConsole(Testkit.timed(program), {
      ...real,
      log: (...words) => Effect.sync(() => void stdout.push(words.join(" "))),
      error: (...words) => Effect.sync(() => void stderr.push(words.join(" "))),
      unsafe: {
        ...real.unsafe,
        log: (...words: ReadonlyArray<unknown>) => void stdout.push(words.join(" ")),
        error: (...words: ReadonlyArray<unknown>) => void stderr.push(words.join(" "))
      }
    })
    return { stdout, stderr, elapsed, exit }
  })
