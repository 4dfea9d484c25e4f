/**
 * What is sent back for a request.
 *
 * @since 0.1.0
 */
import { Data, type Stream } from "effect"
import * as Json from "../Json.ts"

/**
 * A reply that has not been sent. The names of its headers are in lower case; the length of a text is said when it is sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A stream is run when it is sent, and interrupted when nobody reads it any more. */
  readonly body: string | ReadonlyArray<string | Uint8Array> | Stream.Stream<Uint8Array> | undefined
}

/**
 * True for a reply that is written bit by bit.
 *
 * @since 0.1.0
 * @category getters
 */
export const isStreamed = (reply: Reply): reply is Reply & { readonly body: Stream.Stream<Uint8Array> } =>
  typeof reply.body === "object" && !isPieces(reply.body)

/**
 * True for a body that is written piece by piece, each as it is.
 *
 * @since 0.1.0
 * @category getters
 */
export const isPieces = (body: Reply["body"]): body is ReadonlyArray<string | Uint8Array> => Array.isArray(body)

/**
 * The length of a body in bytes; of a stream it is not known.
 *
 * @since 0.1.0
 * @category getters
 */
export const lengthOf = (body: Reply["body"]): number | undefined => {
  if (typeof body === "string") return Buffer.byteLength(body)
  return isPieces(body) ? body.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0) : undefined
}

/**
 * What a reply says besides its body.
 *
 * @since 0.1.0
 * @category models
 */
export interface Head {
  /** Default 200. */
  readonly status?: number | undefined
  readonly type: string
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * A reply of text, or of bytes that come one after the other.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (body: NonNullable<Reply["body"]>, { headers, status = 200, type }: Head): Reply => ({
  status,
  headers: { "content-type": type, ...headers },
  body
})

/**
 * A reply without a body.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty = (headers: Readonly<Record<string, string>> = {}): Reply => ({
  status: 204,
  headers,
  body: undefined
})

/**
 * A value that cannot be written as JSON, which is a bug in the program that made it.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unwritable extends Data.TaggedError("Unwritable")<{
  /** To be put behind "it" or "the answer". */
  readonly reason: string
}> {
  override get message() {
    return `It cannot be written as JSON: it ${this.reason}`
  }
}

/**
 * A value as the text of JSON; a value of `undefined` is `null`. Throws {@link Unwritable}.
 *
 * @since 0.1.0
 * @category writing
 */
export const written = (value: unknown): string => orUnwritable(() => Json.stringify(value)) ?? "null"

const orUnwritable = <A>(write: () => A): A => {
  try {
    return write()
  } catch (error) {
    if (error instanceof RangeError)
      throw new Unwritable({ reason: "is nested too deeply, some 1,000 levels are enough" })
    if (error instanceof TypeError && /circular/i.test(error.message))
      throw new Unwritable({ reason: "is a part of itself" })
    throw error
  }
}

/**
 * A value as JSON that no cache keeps; a value of `undefined` is `null`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const json = (value: unknown, { headers, status, type = "application/json" }: Partial<Head> = {}): Reply =>
  make(orUnwritable(() => Json.pieces(value)) ?? "null", {
    status,
    type,
    headers: { "cache-control": "no-store", ...headers }
  })
