/**
 * Requests that never became one: what the parser of HTTP refuses, and connections that are closed before anything is read.
 *
 * @since 0.1.0
 */
import { LogLevel, MetricKey } from "effect"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { Write } from "../Receipt/Lines.ts"
import { keyed, tagged } from "../Resilience/Metrics/Tags.ts"

/**
 * Why a connection was refused: `malformed` is no HTTP, `headers` are too large, `timeout` came too slowly, `connections` is one too
 * many of its address.
 *
 * @since 0.1.0
 * @category models
 */
export type Reason = "malformed" | "headers" | "timeout" | "connections"

/**
 * Connections that were refused before there was a request, by `reason`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const refusals = keyed(
  MetricKey.counter("muster_http_refused_total", {
    description: "Connections that were refused before there was a request",
    incremental: true
  })
)

const counters = {
  malformed: tagged(refusals, { reason: "malformed" }),
  headers: tagged(refusals, { reason: "headers" }),
  timeout: tagged(refusals, { reason: "timeout" }),
  connections: tagged(refusals, { reason: "connections" })
} satisfies Record<Reason, unknown>

/**
 * Counts a refusal, and logs it at debug level: a line for each would let a stranger fill the log.
 *
 * @since 0.1.0
 * @category recording
 */
export const record = (reason: Reason, client: string | undefined, write: Write | undefined, code?: string): void => {
  counters[reason].update(1)
  write?.(LogLevel.Debug, `refused a connection: ${reason}`, { reason, client, code })
}

/**
 * Answers what the parser refuses as Node does by itself, and records it. A connection that its client has closed is no refusal.
 *
 * @since 0.1.0
 * @category handlers
 */
export const onClientError =
  (write: Write | undefined) =>
  (error: Error & { readonly code?: string }, stream: Duplex): void => {
    const { code = "" } = error
    const isGone = code === "HPE_INVALID_EOF_STATE" || !code.startsWith("HPE_")
    const [reason, status] = answers[code] ?? (isGone ? [undefined, ""] : malformed)
    // The cast: a server of `node:http` has no other streams.
    if (reason !== undefined) record(reason, (stream as Socket).remoteAddress, write, code)
    if (reason === undefined || !stream.writable) return void stream.destroy(error)
    stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
  }

const malformed = ["malformed", "400 Bad Request"] as const

const answers: Readonly<Record<string, readonly [Reason, status: string]>> = {
  HPE_HEADER_OVERFLOW: ["headers", "431 Request Header Fields Too Large"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ["malformed", "413 Payload Too Large"],
  ERR_HTTP_REQUEST_TIMEOUT: ["timeout", "408 Request Timeout"]
}
