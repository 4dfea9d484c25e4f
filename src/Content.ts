/**
 * The content of an HTTP message: its content coding undone (RFC 9110, 8.4), its bytes read by their charset.
 *
 * @since 0.1.0
 */
import { Either } from "effect"
import { constants } from "node:buffer"
import * as Zlib from "node:zlib"

/**
 * Why content cannot be read; the reason is to be put behind "the body".
 *
 * @since 0.1.0
 * @category models
 */
export interface Unreadable {
  readonly kind: "unknown coding" | "too long" | "corrupt" | "unknown charset"
  readonly reason: string
}

type Decode = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array

/** `deflate` is the zlib format (RFC 9110, 8.4.1.2); some servers send the bare stream. */
const inflate: Decode = (bytes, options) => (isZlib(bytes) ? Zlib.inflateSync : Zlib.inflateRawSync)(bytes, options)

/** RFC 1950, 2.2: the method is 8, and the first two bytes are a multiple of 31. */
const isZlib = ([first = 0, second = 0]: Uint8Array) => (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0

/** Node has zstd from 22.15 on; the types are those of Node 20. */
const { zstdDecompressSync } = Zlib as { readonly zstdDecompressSync?: Decode }

const decoders: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ["gzip", Zlib.gunzipSync],
  ["deflate", inflate],
  ["br", Zlib.brotliDecompressSync],
  ...(zstdDecompressSync === undefined ? [] : [["zstd", zstdDecompressSync] as const])
])

/**
 * The content codings that can be read, as in `accept-encoding`.
 *
 * @since 0.1.0
 * @category getters
 */
export const acceptEncoding: string = Array.from(decoders.keys()).join(", ")

/** More codings than these on one message are no message but an attack. curl reads as many. */
const maxCodings = 5

/**
 * The most bytes that content of `maxBytes` may take as it comes: where it is coded some more, since deflate and brotli add some
 * bytes to each block of incompressible data.
 *
 * @since 0.1.0
 * @category getters
 */
export const limit = (encoding: string | undefined, maxBytes: number): number =>
  encoding === undefined || codingsOf(encoding).length === 0 ? maxBytes : maxBytes + Math.ceil(maxBytes / 100) + 1_000

/**
 * Undoes the codings that `content-encoding` names, the last one first. No more than `maxBytes` are decompressed.
 *
 * Synchronous: decompressing 1 MB takes some 2 ms, much less than to parse it, and a stream costs 50 us however short it is.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode = (
  bytes: Uint8Array,
  encoding: string | undefined,
  maxBytes: number
): Either.Either<Uint8Array, Unreadable> => {
  const refused = refusal(encoding)
  if (refused !== undefined) return Either.left(refused)
  let content = bytes
  for (const name of codingsOf(encoding).reverse()) {
    try {
      content = decoders.get(name)!(content, { maxOutputLength: Math.min(Math.max(1, maxBytes), constants.MAX_LENGTH) })
    } catch (error) {
      return error instanceof RangeError
        ? unreadable("too long", `is longer than ${maxBytes} bytes once its ${name} is decompressed`)
        : unreadable("corrupt", `is no whole ${name}`)
    }
  }
  return Either.right(content)
}

/**
 * Why content of this `content-encoding` cannot be read, whatever it is; `undefined` if it can.
 *
 * @since 0.1.0
 * @category getters
 */
export const refusal = (encoding: string | undefined): Unreadable | undefined => {
  const codings = codingsOf(encoding)
  const unknown = codings.find((name) => !decoders.has(name))
  if (unknown === undefined && codings.length <= maxCodings) return undefined
  const shown = /^[\w!#$%&'*+.^`|~-]{1,40}$/.test(unknown ?? "") ? `"${unknown}"` : "that has no name"
  const reason =
    unknown === undefined
      ? `has more than ${maxCodings} content codings`
      : `has the content coding ${shown}, and can be read in ${acceptEncoding}`
  return { kind: "unknown coding", reason }
}

/** In the order in which they were applied. */
const codingsOf = (encoding = ""): Array<string> =>
  encoding
    .toLowerCase()
    .split(",")
    .map((name) => name.trim().replace(/^x-gzip$/, "gzip"))
    .filter((name) => name !== "" && name !== "identity")

const unreadable = (kind: Unreadable["kind"], reason: string) => Either.left({ kind, reason })

/**
 * The text of bytes in the charset that their `content-type` names, by default UTF-8, without a byte order mark. What is not in
 * that charset is refused, and not replaced.
 *
 * @since 0.1.0
 * @category decoding
 */
export const text = (bytes: Uint8Array, contentType: string | undefined): Either.Either<string, Unreadable> => {
  const charset = charsetOf(contentType)
  try {
    if (charset === undefined) return Either.right(utf8.decode(bytes))
    const decoder = new TextDecoder(charset === "utf-16" ? byteOrder(bytes) : charset, { fatal: true })
    const text = decoder.decode(bytes)
    return Either.right(decoder.encoding === "windows-1252" ? text.replace(/[\x80-\x9f]/g, inWindows) : text)
  } catch (error) {
    return error instanceof RangeError
      ? unreadable("unknown charset", `has the charset "${charset}", which cannot be read; send UTF-8`)
      : unreadable("corrupt", `is no ${charset?.toUpperCase() ?? "UTF-8"}`)
  }
}

/**
 * Whether {@link text} reads content of this type as UTF-8.
 *
 * @since 0.1.0
 * @category guards
 */
export const isUtf8 = (contentType: string | undefined): boolean => charsetOf(contentType) === undefined

const utf8 = new TextDecoder("utf-8", { fatal: true })

/** `undefined` for UTF-8, of which US-ASCII is a part. */
const charsetOf = (contentType: string | undefined): string | undefined => {
  // Most say nothing but "application/json".
  if (contentType === undefined || !contentType.includes(";")) return undefined
  const name = /;\s*charset=\s*"?([\w.:+-]{1,40})/i.exec(contentType)?.[1]?.toLowerCase()
  return name === undefined || /^(?:utf-?8|us-ascii|ascii)$/.test(name) ? undefined : name
}

/** By the byte order mark; else by where the zero is in the first character, which in JSON is one of ASCII (RFC 4627, 3). */
const byteOrder = ([first, second]: Uint8Array) =>
  (first === 0xfe && second === 0xff) || first === 0 ? "utf-16be" : "utf-16le"

/** Node 20 reads these bytes of windows-1252 as ISO-8859-1, whose label means windows-1252 too (WHATWG Encoding, 4.2). */
const inWindows = (character: string) => c1[character.charCodeAt(0) - 0x80]!

const c1 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ"
