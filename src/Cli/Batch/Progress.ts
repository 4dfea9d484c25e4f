/**
 * How far a batch is: a bar that stays where it is on a terminal, else a log line every five seconds.
 *
 * @since 0.1.0
 */
import { Duration, Effect, type Scope } from "effect"
import type { Progress } from "../../Batch.ts"
import * as Deadline from "../../Deadline.ts"
import { printable, Screen } from "../Screen.ts"

/**
 * What the bar has to show.
 *
 * @since 0.1.0
 * @category models
 */
export interface Seen extends Progress {
  /** Items that end in a second, of late. */
  readonly rate: number
  /** What there is to do, if that is known. */
  readonly expected: number | undefined
  /** On the scale of `Deadline.now`. */
  readonly now: number
}

const number = (value: number) => value.toLocaleString("en")

/** What is left to do at this rate, if both are known. */
const eta = ({ done, expected, failed, rate }: Seen): string | undefined => {
  if (expected === undefined || rate <= 0) return undefined
  return Duration.format(Duration.seconds(Math.ceil((expected - done - failed) / rate)))
}

/**
 * The numbers in words: `412 of 1,000 done, 3 failed, 50 in flight, 48.2/s, 12s to go`.
 *
 * @since 0.1.0
 * @category rendering
 */
export const words = (seen: Seen): string => {
  const { done, expected, failed, inFlight, now, pausedUntil, rate } = seen
  const left = eta(seen)
  return [
    `${number(done)}${expected === undefined ? "" : ` of ${number(expected)}`} done`,
    ...(failed > 0 ? [`${number(failed)} failed`] : []),
    `${number(inFlight)} in flight`,
    `${rate < 10 ? rate.toFixed(1) : number(Math.round(rate))}/s`,
    ...(left === undefined ? [] : [`${left} to go`]),
    ...(pausedUntil > now
      ? [`slowed down for ${Duration.format(Duration.seconds(Math.ceil((pausedUntil - now) / 1_000)))}`]
      : [])
  ].join(", ")
}

/**
 * The bar, no wider than the terminal.
 *
 * @since 0.1.0
 * @category rendering
 */
export const bar = (seen: Seen, { color, columns }: { readonly columns: number; readonly color: boolean }): string => {
  const text = words(seen)
  const width = Math.min(40, columns - text.length - 4)
  if (seen.expected === undefined || seen.expected === 0 || width < 8) return text.slice(0, columns - 1)
  const part = (items: number) => Math.floor((items / seen.expected!) * width)
  const ended = Math.min(width, part(seen.done + seen.failed))
  const bad = seen.failed === 0 ? 0 : Math.min(ended, Math.max(1, part(seen.failed)))
  const paint = (code: number, text: string) => (color && text !== "" ? `\u001b[${code}m${text}\u001b[0m` : text)
  return `${paint(32, "█".repeat(ended - bad))}${paint(31, "▓".repeat(bad))}${paint(2, "░".repeat(width - ended))}  ${text}`
}

/** How much of what went before counts for the rate, in milliseconds. */
const window = 5_000

/**
 * Shows progress from now until the scope is closed, and gives what is to be told of it. `expected` is how many items there
 * are, where that is known from the start; `before` is how many of them have ended.
 *
 * @since 0.1.0
 * @category running
 */
export const show = (
  name: string,
  { before, expected }: { readonly expected: number | undefined; readonly before: number }
): Effect.Effect<(progress: Progress) => void, never, Screen | Scope.Scope> =>
  Effect.gen(function* () {
    const screen = yield* Screen
    const { color, columns } = screen
    let last: Progress | undefined
    let shown = false
    const past: Array<readonly [at: number, ended: number]> = [[yield* Deadline.now, before]]

    const look = (now: number): Seen | undefined => {
      if (last === undefined) return undefined
      past.push([now, last.done + last.failed])
      while (past.length > 2 && past[1]![0] < now - window) past.shift()
      const [since, ended] = past[0]!
      const rate = now > since ? ((last.done + last.failed - ended) * 1_000) / (now - since) : 0
      return { ...last, rate, now, expected: last.sealed ? last.total : expected && Math.max(expected, last.total) }
    }
    const draw = (columns: number) =>
      Effect.map(Deadline.now, (now) => {
        const seen = look(now)
        if (seen === undefined) return
        screen.err(`${shown ? "\u001b[1A\u001b[2K" : ""}${bar(seen, { columns, color })}`)
        shown = true
      })
    const log = Effect.flatMap(Deadline.now, (now) => {
      const seen = look(now)
      return seen === undefined
        ? Effect.void
        : Effect.annotateLogs(Effect.logInfo(words(seen)), { batch: printable(name) })
    })

    yield* columns === undefined
      ? Effect.forkScoped(Effect.forever(Effect.delay(log, "5 seconds")))
      : Effect.zipRight(
          Effect.addFinalizer(() => draw(columns)),
          Effect.forkScoped(Effect.forever(Effect.delay(draw(columns), "200 millis")))
        )
    return (progress) => {
      last = progress
    }
  })
