/**
 * API keys: who may ask.
 *
 * @since 0.1.0
 */
import { Redacted } from "effect"
import { createHash, timingSafeEqual } from "node:crypto"
import * as Options from "../Options.ts"

/**
 * Some keys, of which only the hashes are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Keys {
  /**
   * The first eight digits of the hash of the key that a request came with, for logs; `undefined` when it has none, or
   * none of these. It takes the same time whichever it is.
   */
  readonly admit: (headers: Readonly<Record<string, string | undefined>>) => string | undefined
}

/**
 * Takes keys, or hashes of keys: `sha256:` and 64 hexadecimal digits. A key has at least 16 characters: it is guessed
 * otherwise.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (keys: ReadonlyArray<Redacted.Redacted>): Keys => {
  const hashes = keys.map((key) => read(Redacted.value(key)))
  return {
    admit: (headers) => {
      const given = hash(presented(headers))
      let found: string | undefined
      for (const known of hashes) if (timingSafeEqual(known, given)) found = known.toString("hex").slice(0, 8)
      return found
    }
  }
}

/**
 * What stands for a key in a file: `sha256:` and its hash.
 *
 * @since 0.1.0
 * @category getters
 */
export const hashOf = (key: string): string => `sha256:${hash(key).toString("hex")}`

const read = (text: string): Buffer => {
  const digits = /^sha256:([0-9a-fA-F]{64})$/.exec(text)
  if (digits !== null) return Buffer.from(digits[1]!, "hex")
  const fits = /^[\x21-\x7e]{16,}$/.test(text) && !text.startsWith("sha256:")
  const expected = "at least 16 characters without a space, or sha256: and 64 hexadecimal digits"
  return fits ? hash(text) : Options.refuse("Keys.make", "key", Redacted.make(text), expected)
}

const hash = (text: string) => createHash("sha256").update(text).digest()

/** `Authorization: Bearer KEY`, or `x-api-key: KEY`. */
const presented = (headers: Readonly<Record<string, string | undefined>>): string =>
  /^bearer +(\S+)$/i.exec(headers["authorization"] ?? "")?.[1] ?? headers["x-api-key"] ?? ""
