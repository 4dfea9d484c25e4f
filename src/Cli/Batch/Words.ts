/**
 * A batch in a few lines of text.
 *
 * @since 0.1.0
 */
import { Duration } from "effect"
import type { Manifest } from "../../Batch.ts"
import { printable } from "../Screen.ts"

/**
 * A number as it is read best: `1,000`.
 *
 * @since 0.1.0
 * @category rendering
 */
export const number = (value: number): string => value.toLocaleString("en")

/**
 * Items by how many there are.
 *
 * @since 0.1.0
 * @category rendering
 */
export const items = (count: number): string => `${number(count)} ${count === 1 ? "item" : "items"}`

/**
 * How far it is: `docs: 412 of 1,000 done, 3 failed, 585 to do`.
 *
 * @since 0.1.0
 * @category rendering
 */
export const counts = ({ batch, done, failed, notStarted, outcome, total }: Manifest): string => {
  const parts = [
    `${number(done)} of ${number(total)} done`,
    ...(failed > 0 ? [`${number(failed)} failed`] : []),
    ...(notStarted > 0 ? [`${number(notStarted)} to do`] : []),
    ...(outcome === "unfinished" && notStarted === 0 ? ["input not read to its end"] : [])
  ]
  return `${printable(batch)}: ${parts.join(", ")}`
}

/**
 * Failures by their class, one line each: `  429 (3 items): POST http://… answered 429`.
 *
 * @since 0.1.0
 * @category rendering
 */
export const errors = ({ errors, failures }: Manifest): ReadonlyArray<string> =>
  errors.map(({ class: name, count, message }) => {
    const ids = failures.filter((failure) => failure.class === name).map(({ id }) => id)
    const listed = ids.slice(0, 3).join(", ")
    const more = count > 3 ? `, and ${number(count - 3)} more` : ""
    return `  ${printable(name)}: ${printable(message)} (${printable(listed)}${more})`
  })

/**
 * What becomes of items that are no longer in the input; nothing where there are none.
 *
 * @since 0.1.0
 * @category rendering
 */
export const absent = ({ absent, leftOut }: Manifest): ReadonlyArray<string> => {
  const ended = absent - leftOut
  const kept = ended === 0 ? [] : [`what became of ${number(ended)} stays recorded`]
  const left = leftOut === 0 ? [] : [`${number(leftOut)} not done and left out`]
  return absent === 0 ? [] : [`No longer in the input: ${items(absent)} (${[...kept, ...left].join(", ")})`]
}

/**
 * Why it ended before its time.
 *
 * @since 0.1.0
 * @category rendering
 */
export const stop = ({ stop }: Manifest): string | undefined => {
  if (stop === null) return undefined
  if (stop.by === "cancelled") return "it was cancelled"
  const why = stop.failure === null ? "" : `: ${stop.id} failed with ${stop.failure.class}: ${stop.failure.message}`
  return `${stop.by === "rule" ? "nothing else would fare better" : "too many items have failed; the last one"}${why}`
}

/**
 * A duration in short: `4.1 s` below a minute.
 *
 * @since 0.1.0
 * @category rendering
 */
export const time = (millis: number): string =>
  millis < 60_000 ? `${(millis / 1_000).toFixed(1)} s` : Duration.format(Duration.seconds(Math.round(millis / 1_000)))
