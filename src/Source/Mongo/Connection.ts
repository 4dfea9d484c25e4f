/**
 * The driver's client, which is connected when it is first asked, and again when that has failed.
 *
 * @since 0.1.0
 */
import type { Db, MongoClient } from "mongodb"
import * as Fault from "../Fault.ts"

/**
 * A client that is connected when it is needed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connection {
  /** The database, once a server is there. Rejected with what the driver throws, or with a `Fault` after `close`. */
  readonly db: () => Promise<Db>
  /** Closes every connection, also one that is being made. */
  readonly close: () => Promise<void>
}

/**
 * Left to itself, the driver connects when it is first asked; but when that fails, its client says for ever that it was
 * closed (7.8).
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (client: MongoClient, database: string | undefined): Connection => {
  let isClosed = false
  return {
    db: async () => {
      if (!isClosed) await client.connect()
      // Closed in the meantime, it may have been connected after that.
      if (isClosed) {
        await client.close()
        throw Fault.unavailable("the client was closed")
      }
      return client.db(database)
    },
    close: async () => {
      isClosed = true
      await client.close()
    }
  }
}
