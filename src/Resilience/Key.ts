/**
 * What a shared answer is kept under: who asks, and for what.
 *
 * @since 0.1.0
 */
import * as Json from "../Json.ts"
import * as Options from "../Options.ts"

/**
 * The key of a call whose answer others may be given.
 *
 * It says who the caller is, as whoever answers tells callers apart: a user, or a tenant. So nobody is given the answer of
 * another. What is the same for everybody says so: `public: true`.
 *
 * `call` tells calls apart: everything that the answer depends on. `["orders", "42"]` and `["orders", 42]` are two.
 *
 * @example
 * ```ts
 * const mine = { caller: session.userId, call: ["orders", "open"] }
 * const everybodys = { public: true, call: ["exchange rates"] }
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export type Key =
  | { readonly caller: string; readonly public?: undefined; readonly call: ReadonlyArray<Part> }
  | { readonly public: true; readonly caller?: undefined; readonly call: ReadonlyArray<Part> }

/** @since 0.1.0 */
export type Part = string | number | bigint | Json.JsonNumber | boolean | null

/**
 * A key as text: two keys have the same if they are the same. Without a caller or `public: true`, which types may fail to
 * prevent, it is an `InvalidOption`.
 *
 * @since 0.1.0
 * @category getters
 */
export const toText = (where: string, key: Key): string => {
  // What types hold may still be missing where they were talked out of it.
  const { call, caller, public: isPublic }: { readonly [K in keyof Key]: unknown } = key
  if (!Array.isArray(call) || call.length === 0)
    return Options.refuse(where, "key.call", call, "a list of what is asked")
  for (const part of call) {
    if (!isPart(part)) Options.refuse(where, "key.call", part, "made of texts, finite numbers, booleans and null")
  }
  if (isPublic === true && caller === undefined) return `public ${Json.stringify(call)}`
  if (isPublic !== undefined) Options.refuse(where, "key.public", isPublic, "true, and without a caller")
  if (typeof caller !== "string" || caller === "") {
    Options.refuse(where, "key.caller", caller, "who asks, unless the answer is the same for everybody: public: true")
  }
  return `caller ${Json.stringify([caller, ...call])}`
}

const isPart = (part: unknown): part is Part =>
  part === null || ["string", "boolean", "bigint"].includes(typeof part) || Json.isNumeric(part)
