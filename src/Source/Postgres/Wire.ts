/**
 * One connection of the driver `pg`, in any state.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type { Socket } from "node:net"
import type { ConnectionOptions } from "node:tls"
import * as CancelRequest from "./CancelRequest.ts"
import * as Refusals from "./Refusals.ts"

/**
 * What is used of a client of `pg`; its types leave some of it out.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  readonly host: string
  readonly port: number
  readonly database?: string
  readonly connection: Connection
  readonly processID: number | null
  readonly secretKey: number | null
  readonly ssl: boolean | ConnectionOptions
  readonly sslNegotiation: string
  readonly getTransactionStatus: () => "I" | "T" | "E" | null
  readonly connect: (then: (error: unknown) => void) => void
  readonly query: {
    (query: { readonly submit: (connection: Connection) => Error | undefined }): void
    (text: string, then: (error: unknown, result: { readonly rows: ReadonlyArray<unknown> }) => void): void
  }
  readonly end: (then: () => void) => void
  readonly on: (event: "error" | "end", then: () => void) => void
}

/**
 * Speaks the protocol of PostgreSQL.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connection {
  readonly stream: Socket
  readonly query: (text: string) => void
  readonly parse: (message: { readonly text: string }) => void
  readonly bind: (message: { readonly values: ReadonlyArray<unknown> }) => void
  readonly describe: (message: { readonly type: "P"; readonly name: string }) => void
  readonly execute: (message: { readonly rows: number }) => void
  readonly flush: () => void
  readonly sync: () => void
  readonly sendCopyFail: (reason: string) => void
  readonly once: (event: "readyForQuery" | "end", then: () => void) => void
  readonly removeListener: (event: "readyForQuery" | "end", then: () => void) => void
}

/**
 * A connection and what has become of it.
 *
 * @since 0.1.0
 * @category models
 */
export class Wire {
  /** The server's own limit on a statement in milliseconds; 0 for none. */
  ownLimit = 0
  /** A limit of ours holds until the end of the transaction that is open. */
  limited = false
  /** How many bytes may still come; when there are more, `onOverflow` is called. */
  budget = Infinity
  onOverflow: (() => void) | undefined
  private state: "new" | "open" | "closed" = "new"
  private target: CancelRequest.Target | undefined

  constructor(readonly client: Client) {
    // Without a listener, an error between two queries would end the process.
    client.on("error", () => this.destroy())
    client.on("end", () => (this.state = "closed"))
  }

  get alive() {
    return this.state === "open"
  }

  /** Idle, in a transaction, or in one that has failed. */
  get status() {
    return this.client.getTransactionStatus()
  }

  readonly open: Effect.Effect<void, Refusals.Refusal> = Effect.suspend(() =>
    Effect.zipRight(
      this.connected,
      Effect.catchAll(this.prepared, (error) => (this.alive ? Effect.void : Effect.fail(Refusals.read(error))))
    )
  )

  private get connected() {
    return Effect.async<void, Refusals.Refusal>((resume) => {
      this.client.connect((error: unknown) => {
        if (error) return resume(Effect.fail(Refusals.read(error)))
        this.state = "open"
        this.target = this.aim()
        const { stream } = this.client.connection
        stream.on("data", (data: Buffer) => {
          this.budget -= data.length
          if (this.budget < 0) this.onOverflow?.()
        })
        resume(Effect.void)
      })
    })
  }

  /**
   * Makes the server look whether its client is still there, and write values in full and in the form that is read; asks for its
   * own limit. What cannot do this does without.
   */
  private get prepared() {
    return Effect.async<void, unknown>((resume) => {
      this.client.query(preparation, (error, result) => {
        // The cast: so the text says.
        if (!error) this.ownLimit = Math.ceil(Number((result.rows[0] as { readonly limit: string }).limit))
        resume(error ? Effect.fail(error) : Effect.void)
      })
    })
  }

  private aim(): CancelRequest.Target | undefined {
    const { connection, host, port, processID, secretKey, ssl, sslNegotiation } = this.client
    if (processID === null || secretKey === null) return undefined
    const { remoteAddress, remotePort } = connection.stream
    const address =
      remoteAddress === undefined || remotePort === undefined
        ? { path: `${host}/.s.PGSQL.${port}` }
        : { host: remoteAddress, port: remotePort }
    const options = typeof ssl === "object" ? ssl : {}
    const tls = ssl === false ? undefined : { host, options, direct: sslNegotiation === "direct" }
    return { address, tls, processId: processID, secretKey }
  }

  readonly cancel: Effect.Effect<void, unknown> = Effect.suspend(() =>
    this.target === undefined ? Effect.fail("the server gave no key to cancel with") : CancelRequest.send(this.target)
  )

  readonly close: Effect.Effect<void> = Effect.async((resume) => this.client.end(() => resume(Effect.void)))

  destroy() {
    this.state = "closed"
    this.client.connection.stream.destroy()
  }
}

/**
 * `client_connection_check_interval` is the second net: a server that has lost its client stops by itself. Since 14. The last two
 * may be set for a user or a database: with less than 1, the last digits of a float are left out (before 12: with less than 3).
 */
const preparation = `
  SELECT extract(epoch FROM current_setting('statement_timeout')::interval) * 1000 AS limit,
    CASE WHEN current_setting('client_connection_check_interval', true) = '0'
      THEN set_config('client_connection_check_interval', '100', false) END AS checked,
    set_config('DateStyle', 'ISO', false) AS dates,
    set_config('extra_float_digits', '3', false) AS floats`
