/**
 * What Redis answers: replies as values, its errors as faults.
 *
 * @since 0.1.0
 */
import { isUtf8 } from "node:buffer"
import * as Fault from "../Fault.ts"

/**
 * A reply, its texts as strings or as bytes. A number is a `bigint` where a `number` would be inexact.
 *
 * @since 0.1.0
 * @category models
 */
export type Reply<Text = string> = Text | number | bigint | null | ReadonlyArray<Reply<Text>>

/** What the driver hands over when it is asked for bytes, and for numbers as strings. */
type Raw = Buffer | string | null | Error | ReadonlyArray<Raw>

/**
 * Reads what the driver gives; throws a `Fault` for a text that `read` cannot take and for a reply over the limit.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode = <Text>(raw: unknown, maxBytes: number, read: (bytes: Buffer) => Text): Reply<Text> => {
  let size = 0
  const walk = (raw: Raw): Reply<Text> => {
    if (Buffer.isBuffer(raw)) {
      size += raw.byteLength
      if (size > maxBytes) throw tooLong(maxBytes)
      return read(raw)
    }
    if (typeof raw === "string") {
      const number = Number(raw)
      return Number.isSafeInteger(number) ? number : BigInt(raw)
    }
    if (raw instanceof Error) throw faultOf(raw)
    return raw === null ? null : raw.map(walk)
  }
  // The cast: a driver in this mode gives nothing else.
  return walk(raw as Raw)
}

/** @since 0.1.0 */
export const tooLong = (maxBytes: number): Fault.Fault => Fault.malformed(`the answer is longer than ${maxBytes} bytes`)

/**
 * Reads bytes as text; throws a `Fault` for what is none, since a text with holes is another text.
 *
 * @since 0.1.0
 * @category decoding
 */
export const text = (bytes: Buffer): string => {
  if (!isUtf8(bytes)) throw Fault.malformed("the answer is no UTF-8; commandBytes gives it as bytes")
  return bytes.toString()
}

/** @since 0.1.0 */
export const brokeOff = "the connection broke off"

/** Replies that another moment, or another server of the same name, may not give. */
const passing: Readonly<Record<string, string>> = {
  OOM: "the server's memory is full, and it evicts no key to make room",
  BUSY: "the server is busy with a script",
  LOADING: "the server is still loading its data",
  READONLY: "the server is a replica, which takes no writes",
  MASTERDOWN: "the replica has lost its master",
  MISCONF: "the server takes no writes while it cannot save them",
  NOREPLICAS: "the server takes no writes without enough replicas",
  TRYAGAIN: "the keys are being moved",
  CLUSTERDOWN: "the cluster is down",
  UNBLOCKED: "the server stopped waiting"
}

/** Replies that stay what they are. */
const lasting: Readonly<Record<string, string>> = {
  NOAUTH: "it wants a password",
  WRONGPASS: "the user or the password is wrong",
  NOPERM: "the user may not do this",
  DENIED: "the server is in protected mode",
  WRONGTYPE: "the key holds another kind of value",
  MOVED: "the key is on another server of a cluster, which is not followed",
  ASK: "the key is on another server of a cluster, which is not followed",
  CROSSSLOT: "the keys are not in one slot of the cluster",
  NOSCRIPT: "the server does not know the script"
}

/**
 * What became of a command, from what the driver rejected it with: an error reply, or a broken connection.
 *
 * @since 0.1.0
 * @category errors
 */
export const faultOf = (error: unknown): Fault.Fault => {
  // A reply without a question: the server turned the connection away.
  const unasked = error instanceof Error ? /Last error: (.*)/.exec(error.message)?.[1] : undefined
  if (error instanceof Error && (error.name === "ReplyError" || unasked !== undefined))
    return ofReply(unasked ?? error.message)
  const code = Fault.codeOf(error)
  const reason = Fault.describe(code, brokeOff)
  return code !== undefined && Fault.isTls(code) ? Fault.rejected(reason) : Fault.unavailable(reason)
}

const ofReply = (message: string): Fault.Fault => {
  if (/max number of clients|max \+ cluster/.test(message))
    return Fault.unavailable("the server has as many clients as it takes")
  const code = /^([A-Z]+)(?: |$)/.exec(message)?.[1] ?? "ERR"
  if (code in passing) return Fault.unavailable(`${passing[code]} (${code})`)
  if (code in lasting) return Fault.rejected(`${lasting[code]} (${code})`)
  const said = code === "ERR" ? harmless.find((text) => message.includes(text)) : undefined
  return Fault.rejected(said ?? `the server refused (${code})`)
}

/** What a message may say; as a whole it may quote arguments, or hold whatever a script put there. */
const harmless = [
  "wrong number of arguments",
  "unknown command",
  "unknown subcommand",
  "syntax error",
  "value is not an integer or out of range",
  "value is not a valid float",
  "increment or decrement would overflow",
  "hash value is not an integer",
  "invalid expire time",
  "timeout is not a float or out of range",
  "timeout is not an integer or out of range",
  "timeout is negative",
  "string exceeds maximum allowed size",
  "index out of range",
  "no such key",
  "invalid password",
  "without any password configured",
  "DB index is out of range",
  "Error running script",
  "Error compiling script"
]
