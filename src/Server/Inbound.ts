/**
 * The request that is being answered, for the sources that are asked because of it.
 *
 * @since 0.1.0
 */
import { Context } from "effect"

/**
 * What sources may know of a request.
 *
 * @since 0.1.0
 * @category models
 */
export interface InboundRequest {
  /** A name for this one request: its own `x-request-id` if that can be read, else a new one. */
  readonly id: string
  /** Those of its headers that the endpoint forwards, by their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The first digits of the hash of the API key that it came with, where the endpoint asks for one. */
  readonly key: string | undefined
}

/**
 * The request that is being answered; `undefined` outside any.
 *
 * The deadline is not here: it is the ambient one. Nor is the trace: it is the current span.
 *
 * @since 0.1.0
 * @category services
 */
export class Inbound extends Context.Reference<Inbound>()("effect-muster/Server/Inbound", {
  defaultValue: (): InboundRequest | undefined => undefined
}) {}
