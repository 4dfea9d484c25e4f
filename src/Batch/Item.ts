/**
 * One item between the program and the ledger.
 *
 * @since 0.1.0
 */
import { Cause, Effect, ParseResult, Schema } from "effect"
import { createHash } from "node:crypto"
import type { Batch } from "../Batch.ts"
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
  Effect.suspend(() => Schema.decodeUnknown(item)(JSON.parse(claimed.item))).pipe(
    Effect.orDie,
    Effect.flatMap(run),
    Effect.flatMap((value) => Effect.orDie(Schema.encode(result)(value))),
    Effect.map((value) => JSON.stringify(value) ?? "null"),
    Effect.catchAllCause((cause) =>
      // An interruption is the end of the run, not of the item.
      Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.fail(Rules.classify(cause, rules, classOf))
    )
  )

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
  if (typeof id !== "string" || id === "" || id.length > 1_000) {
    Options.refuse(`Batch.run "${name}"`, `the id of item ${position + 1}`, id, "a text of 1 to 1,000 characters")
  }
  // As everything of `ParseResult`, this is computed at once where the schema can be.
  return ParseResult.map(ParseResult.orElse(Schema.encode(item)(value), Effect.die), (encoded) => {
    const text = JSON.stringify(encoded)
    return { id, position, item: text, hash: createHash("sha256").update(text).digest("base64url") }
  })
}
