/**
 * Which database, checked.
 *
 * @since 0.1.0
 */
import type { Duration } from "effect"
import * as Options from "../../Options.ts"
import type { PoolOptions } from "../Pool.ts"

/**
 * Which database, and how it is held.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings extends PoolOptions {
  /**
   * The path of the file, which is made if there is none; it may begin with `sqlite:`. `":memory:"` is a database that ends
   * with the client, as does the temporary file it is kept in.
   */
  readonly filename: string
  /**
   * How long a statement waits for another connection, or another process, to stop writing; default 5 seconds, and never
   * beyond the deadline.
   */
  readonly busyTimeout?: Duration.DurationInput | undefined
  /**
   * What a commit waits for: `"full"` (the default) until it is on the disk, so that it outlives the end of the power;
   * `"normal"` is faster, and outlives the end of the process.
   */
  readonly synchronous?: "full" | "normal" | undefined
  /** The longest answer to a statement, in bytes; default 10 MB (10,000,000). Of a stream, each page counts. */
  readonly maxBytes?: number | undefined
  /** Turns the names of columns into names of fields, such as `user_id` into `userId`. */
  readonly transformResultNames?: ((name: string) => string) | undefined
  /** Turns names in statements into names of columns, such as `userId` into `user_id`. */
  readonly transformQueryNames?: ((name: string) => string) | undefined
}

/**
 * Settings that are right; times in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Checked {
  /** `undefined` for a temporary one. */
  readonly path: string | undefined
  readonly busyTimeout: number
  readonly synchronous: "full" | "normal" | "off"
}

/**
 * Checks settings; a wrong one is refused by its name.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (settings: Settings): Checked => {
  const path = settings.filename.replace(/^sqlite:(\/\/)?/, "")
  // The driver would take it for a server of its own kind.
  if (path === "" || /^[a-z]+:\/\//i.test(path)) {
    Options.refuse("Sqlite.make", "filename", settings.filename, `a path, or ":memory:"`)
  }
  const isTemporary = path === ":memory:"
  return {
    path: isTemporary ? undefined : path,
    busyTimeout: Options.duration("Sqlite.make", "busyTimeout", settings.busyTimeout ?? 5_000),
    synchronous: isTemporary ? "off" : (settings.synchronous ?? "full")
  }
}
