/**
 * How a request wants to be answered.
 *
 * @since 0.1.0
 */
import { Either } from "effect"
import * as Accept from "./Accept.ts"
import type { Endpoint, Handling } from "./Endpoint.ts"
import { lastId } from "./Events.ts"
import type { Exchange } from "./Exchange.ts"
import type { Field } from "./Input.ts"
import * as Prefer from "./Prefer.ts"
import * as Problem from "./Problem.ts"

/**
 * How a request is going to be answered: what it wants, where its endpoint allows it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Wishes {
  /** `none` for a browser that has seen all of a stream, and must be told so, or it would ask for ever. */
  readonly form: Accept.Form | "none"
  readonly handling: Handling
  /** The receipt stands in the body. */
  readonly receipt: boolean
  /** Say which wishes were granted. */
  readonly headers: Readonly<Record<string, string>>
  /** Parameters of the query that are no fields of the input. */
  readonly reserved: ReadonlySet<string>
}

/**
 * Reads what requests to an endpoint want. Fails where nothing that is accepted can be given.
 *
 * @since 0.1.0
 * @category reading
 */
export const reader = (endpoint: Endpoint<unknown>, fields: ReadonlyMap<string, Field>) => {
  const receipts = endpoint.receipts && !fields.has("receipt")
  const reserved: ReadonlySet<string> = new Set(receipts ? ["receipt"] : [])
  return ({ headers, method, url }: Exchange): Either.Either<Wishes, Problem.Problem> => {
    const form = Accept.choose(headers["accept"])
    if (form === undefined) return Either.left(Problem.notAcceptable)
    const prefer = Prefer.parse(headers["prefer"])
    const handling = handlingOf(endpoint, prefer)
    const applied = Prefer.applied({
      handling: prefer.handling === handling ? handling : undefined,
      wait: prefer.wait,
      receipt: endpoint.receipts && prefer.receipt
    })
    const seen = form === "sse" && headers["last-event-id"] === lastId
    return Either.right({
      // A stream without its body is not worth asking for.
      form: seen ? "none" : method === "HEAD" ? "json" : form,
      handling,
      receipt: (endpoint.receipts && prefer.receipt) || (receipts && asksForReceipt(url)),
      headers: applied === undefined ? {} : { "preference-applied": applied },
      reserved
    })
  }
}

const handlingOf = ({ handling, otherwise }: Endpoint<unknown>, prefer: Prefer.Preferences): Handling =>
  handling === "either" ? (prefer.handling ?? otherwise) : handling

/** `?receipt`, `?receipt=true`, `?receipt=1`. */
const asksForReceipt = (url: string): boolean => /[?&]receipt(?:=(?:true|1)?)?(?:&|$)/.test(url)
