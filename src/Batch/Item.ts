/**
 * One item between the program and the ledger.
 *
 * @since 0.1.0
 */
import { Cause, Effect, Either, ParseResult, Schema } from "effect"
import { createHash } from "node:crypto"
import type { Batch } from "../Batch.ts"
import * as Json from "../Json.ts"
import * as Options from "../Options.ts"
import type { Claimed, NewItem } from "./Ledger.ts"
import * as Rules from "./Rules.ts"

/**
 * Runs one item, from JSON to JSON. What does not fit a schema is a defect of that item.
 *
 * @since 0.1.0
 * @category running
 */
export const runItem = <I, A, E, R, IEncoded, AEncoded>(
  { classOf, item, result, run }: Batch<I, A, E, R, IEncoded, AEncoded>,
  claimed: Claimed,
  rules: Rules.Rules | undefined
): Effect.Effect<string, Rules.Classified, R> =>
  Effect.suspend(() => Schema.decodeUnknown(item)(read(claimed.item))).pipe(
    Effect.orDie,
    Effect.flatMap(run),
    Effect.flatMap((value) => Effect.orDie(Schema.encode(result)(value))),
    Effect.map(written),
    Effect.catchAllCause((cause) =>
      // An interruption is the end of the run, not of the item.
      Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.fail(Rules.classify(cause, rules, classOf))
    )
  )

/** `JSON.stringify` would make null of what is no number to JSON. */
const written = (value: unknown): string => {
  const text = Json.stringify(value) ?? "null"
  const lost = text.includes("null") ? notFinite(value) : undefined
  if (lost !== undefined) throw new Error(`its result has ${lost} in it, which JSON cannot hold`)
  return text
}

const notFinite = (value: unknown): number | undefined => {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : value
  if (typeof value !== "object" || value === null) return undefined
  for (const member of Object.values(value)) {
    const found = notFinite(member)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * Reads JSON that the ledger has; a number that no JavaScript number holds is a `JsonNumber`. Throws for what is no such JSON.
 *
 * @since 0.1.0
 * @category parsing
 */
export const read = (text: string): unknown =>
  Either.getOrThrowWith(Json.parse(text), (reason) => new Error(`the JSON in the ledger ${reason}`))

/** Postgres has at most 2,704 bytes in a row of an index, and there the name of the batch may take 800. */
const mostBytes = 1_800

/**
 * Says what is wrong with the id of an item: it must have 1 to 1,000 characters and at most 1,800 bytes in UTF-8, all of which every
 * ledger can hold.
 *
 * @since 0.1.0
 * @category checks
 */
export const wrongId = (id: unknown): string | undefined => {
  if (typeof id !== "string" || id === "" || id.length > 1_000) return "its id must be a text of 1 to 1,000 characters"
  const bytes = Buffer.byteLength(id)
  if (bytes > mostBytes)
    return `its id must have at most ${mostBytes.toLocaleString("en")} bytes in UTF-8, and has ${bytes}`
  if (!/[\0\p{Surrogate}]/u.test(id)) return undefined
  const what = id.includes("\0") ? "a NUL (\\u0000)" : "half of a surrogate pair"
  return `its id ${JSON.stringify(id)} has ${what} in it, which not every ledger can hold: give it an id without`
}

/**
 * An item as the ledger has it. One that does not fit its schema, or has no id, is a mistake in the program: a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const encoded = <I, A, E, R, IEncoded, AEncoded>(
  { item, name }: Batch<I, A, E, R, IEncoded, AEncoded>,
  value: I,
  { id, position }: { readonly id: string; readonly position: number }
): Effect.Effect<NewItem> => {
  if (wrongId(id) !== undefined) {
    const expected = "a text of 1 to 1,000 characters (1,800 bytes), without NUL and without half of a surrogate pair"
    Options.refuse(`Batch.run "${name}"`, `the id of item ${position + 1}`, id, expected)
  }
  // As everything of `ParseResult`, this is computed at once where the schema can be.
  return ParseResult.map(ParseResult.orElse(Schema.encode(item)(value), Effect.die), (encoded) => {
    // An item without JSON, such as a function, is a mistake as well.
    const text =
      Json.stringify(encoded) ?? Options.refuse(`Batch.run "${name}"`, `item ${position + 1}`, encoded, "JSON")
    return { id, position, item: text, hash: createHash("sha256").update(text).digest("base64url") }
  })
}
