/**
 * The driver, as this room uses it.
 *
 * @since 0.1.0
 */
import Libsql from "libsql/promise"
import type { Database } from "./Statement.ts"

/**
 * Opens a database. The cast: the types of the driver are `any` for the most part, and leave something out.
 *
 * @since 0.1.0
 * @category constructors
 */
export const connect = (path: string): Database =>
  withThreads(() => new Libsql(path, { timeout: 0 }) as object as Database)

/**
 * The driver makes its threads with the first connection: one for each core, each for one statement at a time, so that a
 * long one would keep a short one waiting. It is told their number in no other way.
 */
const withThreads = <A>(run: () => A): A => {
  const name = "TOKIO_WORKER_THREADS"
  const given = process.env[name]
  process.env[name] = given ?? "32"
  try {
    return run()
  } finally {
    if (given === undefined) delete process.env[name]
  }
}
