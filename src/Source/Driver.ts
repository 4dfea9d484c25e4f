/**
 * The drivers that a program has to install itself: each is loaded when the first source on it is made.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect"

/**
 * A driver is not installed; the message says what to install.
 *
 * @since 0.1.0
 * @category errors
 */
export class DriverMissing extends Schema.TaggedError<DriverMissing>("effect-muster/Source/Driver/DriverMissing")(
  "DriverMissing",
  {
    driver: Schema.String,
    /** What to give to `npm install`. */
    install: Schema.String
  }
) {
  override get message() {
    return `The driver "${this.driver}" is not installed. Install it: npm install ${this.install}`
  }
}

/**
 * Loads a driver.
 *
 * @since 0.1.0
 * @category loading
 */
export const load = <A>(
  driver: string,
  install: string,
  driverModule: () => Promise<A>
): Effect.Effect<A, DriverMissing> =>
  Effect.tryPromise({ try: driverModule, catch: (error) => error }).pipe(
    Effect.catchAll((error) => (isMissing(error, driver) ? new DriverMissing({ driver, install }) : Effect.die(error)))
  )

/** Its own parts may be missing too, which is another trouble. */
const isMissing = (error: unknown, driver: string) =>
  error instanceof Error &&
  "code" in error &&
  error.code === "ERR_MODULE_NOT_FOUND" &&
  error.message.includes(`'${driver}'`)
