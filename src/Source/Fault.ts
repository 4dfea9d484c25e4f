/**
 * What went wrong with a connection, in words: the messages of drivers hold hosts, arguments, and sometimes secrets.
 *
 * @since 0.1.0
 */
import { type SourceError, SourceMalformed, SourceRejected, SourceUnavailable } from "../Source.ts"

/**
 * A failure before it is known whose it is: what becomes of it, and why.
 *
 * @since 0.1.0
 * @category models
 */
export class Fault {
  constructor(
    readonly kind: "unavailable" | "rejected" | "malformed",
    readonly reason: string
  ) {}
}

/** @since 0.1.0 */
export const unavailable = (reason: string): Fault => new Fault("unavailable", reason)

/** @since 0.1.0 */
export const rejected = (reason: string): Fault => new Fault("rejected", reason)

/** @since 0.1.0 */
export const malformed = (reason: string): Fault => new Fault("malformed", reason)

/**
 * The error of a source; what was being done stands before the reason.
 *
 * @since 0.1.0
 * @category errors
 */
export const toError = (source: string, doing: string, fault: Fault): SourceError => {
  const fields = { source, reason: `${doing}: ${fault.reason}` }
  if (fault.kind === "rejected") return new SourceRejected(fields)
  return fault.kind === "malformed" ? new SourceMalformed(fields) : new SourceUnavailable(fields)
}

/** By the code of an error. */
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection broke off",
  EPIPE: "the connection broke off",
  UND_ERR_SOCKET: "the connection broke off",
  UND_ERR_CONNECT_TIMEOUT: "no connection was made in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "the answer broke off",
  ETIMEDOUT: "no connection was made in time",
  ENOMEM: "there is no memory left for its answer",
  ENOENT: "the socket does not exist",
  EACCES: "the socket may not be opened",
  ENOTFOUND: "the host is not known",
  EAI_AGAIN: "the host could not be looked up",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached"
}

/**
 * A broken connection in words, with its code; `otherwise` where the code says nothing.
 *
 * @since 0.1.0
 * @category getters
 */
export const describe = (code: string | undefined, otherwise: string): string =>
  code === undefined ? otherwise : `${words[code] ?? (isTls(code) ? ofTls(code) : otherwise)} (${code})`

/**
 * True for the codes of a connection that will fail the next time too: there is no TLS, or its certificate is not trusted.
 *
 * @since 0.1.0
 * @category getters
 */
export const isTls = (code: string): boolean => /CERT|ERR_TLS|ERR_SSL|SELF_SIGNED|UNABLE_TO_VERIFY|EPROTO/.test(code)

const ofTls = (code: string) =>
  /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code) ? "its certificate is not trusted" : "no TLS came about"

/**
 * The code of an error or of what caused it (drivers wrap it); its name where there is no code.
 *
 * @since 0.1.0
 * @category getters
 */
export const codeOf = (cause: unknown, depth = 3): string | undefined => {
  if (typeof cause !== "object" || cause === null || depth === 0) return undefined
  if ("code" in cause && typeof cause.code === "string") return cause.code
  const deeper = "cause" in cause ? codeOf(cause.cause, depth - 1) : undefined
  return deeper ?? (cause instanceof Error && cause.name !== "Error" ? cause.name : undefined)
}
