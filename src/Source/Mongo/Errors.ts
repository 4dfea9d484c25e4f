/**
 * What the driver throws, as faults. Its messages hold queries, documents and hosts; none of them is shown.
 *
 * @since 0.1.0
 */
import type * as Driver from "mongodb"
import * as Fault from "../Fault.ts"

/**
 * The driver, once it is loaded.
 *
 * @since 0.1.0
 * @category models
 */
export type Module = typeof Driver

/**
 * What became of a query; `undefined` for what the driver did not throw.
 *
 * @since 0.1.0
 * @category errors
 */
export const faultOf = (mongodb: Module, error: unknown): Fault.Fault | undefined => {
  if (error instanceof Fault.Fault) return error
  if (error instanceof mongodb.BSON.BSONError) return Fault.malformed("the answer is no BSON")
  if (!(error instanceof mongodb.MongoError)) return undefined
  if (error instanceof mongodb.MongoServerError) return ofReply(error)
  if (error instanceof mongodb.MongoServerSelectionError) return ofSelection(mongodb, error)
  if (error instanceof mongodb.MongoNetworkTimeoutError) return Fault.unavailable("no answer in time")
  if (error instanceof mongodb.MongoNetworkError) return ofConnection(error)
  if (error.name === "MongoWaitQueueTimeoutError") return Fault.unavailable("no connection came free in time")
  if (closed.has(error.name)) return Fault.unavailable("the client was closed")
  if (error instanceof mongodb.MongoUnexpectedServerResponseError)
    return Fault.malformed("the answer is not one of MongoDB")
  return Fault.rejected(`the driver refused (${error.name})`)
}

const closed = new Set([
  "MongoClientClosedError",
  "MongoNotConnectedError",
  "MongoServerClosedError",
  "MongoTopologyClosedError",
  "MongoPoolClosedError"
])

const ofConnection = (error: Error) => {
  const code = Fault.codeOf(error.cause)
  const reason = Fault.describe(code, "the connection broke off")
  return code !== undefined && Fault.isTls(code) ? Fault.rejected(reason) : Fault.unavailable(reason)
}

/** No server could be asked; what is known is why each of them could not. */
const ofSelection = (mongodb: Module, { reason }: Driver.MongoServerSelectionError): Fault.Fault => {
  const errors = Array.from(reason?.servers.values() ?? [], ({ error }) => error).filter((error) => error !== null)
  const faults = errors.map((error) => faultOf(mongodb, error) ?? Fault.unavailable("no server could be asked"))
  return faults[0] ?? Fault.unavailable("no server was found in time")
}

/** Replies that another moment, or another server of the set, may not give. */
const passing: Readonly<Record<number, string>> = {
  6: "the host cannot be reached",
  7: "the host is not known",
  43: "the server has forgotten the cursor",
  50: "its time was over",
  64: "too few servers have confirmed the write in time",
  89: "the network was too slow",
  91: "the server is shutting down",
  112: "another write came first",
  133: "no server fits the read preference",
  134: "the majority has no snapshot yet",
  146: "the server has no memory left for it",
  189: "the server is no longer the primary",
  202: "the server is overloaded",
  237: "the cursor was killed",
  262: "the server has run out of time",
  9001: "the connection broke off",
  10107: "the server is not the primary",
  11600: "the server is shutting down",
  11601: "the server stopped the query",
  11602: "the server is no longer the primary",
  13388: "the shards are being moved",
  13435: "the server is not the primary",
  13436: "the server is recovering",
  14031: "the server's disk is full"
}

/** Replies that stay what they are. */
const lasting: Readonly<Record<number, string>> = {
  13: "the user may not do this",
  18: "the user or the password is wrong",
  8000: "the user or the password is wrong"
}

const ofReply = (error: Driver.MongoServerError): Fault.Fault => {
  const code = Number(error.code ?? 0)
  const { codeName } = error
  const name = typeof codeName === "string" && /^\w{1,60}$/.test(codeName) ? `${codeName}, ${code}` : `${code}`
  const words = passing[code]
  if (words !== undefined || error.hasErrorLabel("RetryableError") || error.hasErrorLabel("TransientTransactionError"))
    return Fault.unavailable(`${words ?? "the server could not do it now"} (${name})`)
  return Fault.rejected(`${lasting[code] ?? "the server refused"} (${name})`)
}
