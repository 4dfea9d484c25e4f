/**
 * Instants of an aggregation: how they are read, and how they stand in receipts.
 *
 * @since 0.1.0
 */
import { Clock, Context, DefaultServices } from "effect"

const live = Context.get(DefaultServices.liveServices, Clock.Clock)

/**
 * Whether this is the clock that Effect has by default.
 *
 * @since 0.1.0
 * @category guards
 */
export const isLive = (clock: Clock.Clock): boolean => clock === live

/**
 * Reads milliseconds from here on. What Effect's clock reads are big integers, which take five times as long.
 *
 * @since 0.1.0
 * @category constructors
 */
export const stopwatch = (clock: Clock.Clock): (() => number) => {
  if (isLive(clock)) {
    const start = performance.now()
    return () => performance.now() - start
  }
  const start = clock.unsafeCurrentTimeNanos()
  return () => Number(clock.unsafeCurrentTimeNanos() - start) / 1e6
}

/**
 * An instant as it stands in receipts: a microsecond is finer than any clock here tells apart, and keeps them short.
 *
 * @since 0.1.0
 * @category getters
 */
export const rounded = <T extends number | null>(value: T): T =>
  // Rounding keeps null and number apart as they were.
  (value === null ? value : Math.round(value * 1_000) / 1_000) as T
