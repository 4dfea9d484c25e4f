/**
 * One connection of `mysql2`, driven so that it is known when it is quiet, and so that it can be made quiet.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type * as Mysql from "mysql2"
import type { Duplex } from "node:stream"
import type { Fault } from "../Fault.ts"
import * as Faults from "../Fault.ts"
import type { Query } from "../Sql.ts"
import * as Columns from "../Sql/Columns.ts"
import * as Text from "../Text.ts"
import { faultOf } from "./Errors.ts"
import * as Parameters from "./Parameters.ts"
import * as Results from "./Results.ts"

/** The longest time, in milliseconds, that a server can be told: a year. */
const longest = 31_536_000_000

/**
 * @since 0.1.0
 * @category models
 */
export class Wire {
  private connection: Mysql.Connection | undefined
  private socket: Duplex | undefined
  private isMariaDB = false
  private lost = false
  /** No command but those that make it quiet may be sent. */
  private stopping = false
  /** How long the session lets a statement run, in milliseconds; 0 for as long as it wants, NaN if that is not known. */
  private timeLimit = 0
  /** Bytes of the answer that is being read, and how many there may be. */
  private received = 0
  private maxBytes = Infinity
  /** Ends the command that waits for its answer. */
  private fail: ((fault: Fault) => void) | undefined
  /** A transaction was begun, other than by `withTransaction`, or is not yet ended. */
  inTransaction = false

  constructor(
    private readonly driver: Pick<typeof Mysql, "createConnection" | "TypedParameter">,
    private readonly options: Mysql.ConnectionOptions
  ) {}

  get alive(): boolean {
    return this.connection !== undefined && !this.lost
  }

  /** Connects, and sets the time zone in which the session writes and reads instants. */
  readonly open: Effect.Effect<void, Fault> = Effect.suspend(() => {
    const zone = zoneOf(this.options)
    if (zone === undefined) return this.connected
    return Effect.zipRight(this.connected, Effect.asVoid(this.command(`SET time_zone = '${zone}'`)))
  })

  private readonly connected: Effect.Effect<void, Fault> = Effect.async<void, Fault>((resume) => {
    const connection = this.driver.createConnection(this.options)
    this.connection = connection
    this.listen(connection)
    connection.on("error", (error) => {
      this.lost = true
      this.fail?.(faultOf(error))
      resume(Effect.fail(faultOf(error)))
    })
    connection.once("connect", (handshake: { readonly serverVersion?: unknown }) => {
      this.isMariaDB = String(handshake.serverVersion).includes("MariaDB")
      // TLS has put a socket of its own around the first.
      this.listen(connection)
      resume(Effect.void)
    })
  })

  /** Closes it at once, without a word; what waits for an answer gets none. */
  destroy(): void {
    this.lost = true
    this.connection?.destroy()
    this.socket?.destroy()
    this.fail?.(Faults.unavailable("the connection was closed"))
  }

  /** Takes leave of the server. */
  readonly close: Effect.Effect<void> = Effect.async((resume) => {
    if (this.connection === undefined) return resume(Effect.void)
    this.connection.end(() => resume(Effect.void))
  })

  /** Ends when the server has answered. */
  readonly ping: Effect.Effect<void, Fault> = Effect.suspend(() =>
    this.exchange<void>((connection, end) => {
      connection.ping((error) => end(error ? Effect.fail(faultOf(error)) : Effect.void))
    })
  )

  /** Sends a statement and reads its answer to the end; each row as an array, with the names of its columns. */
  send(query: Query, onRow: Results.OnRow) {
    return Effect.gen(this, function* () {
      const params = Parameters.encode(this.driver.TypedParameter, query.params)
      const fault = params instanceof Faults.Fault ? params : Text.check("the statement", query.text)
      if (fault !== undefined) return yield* Effect.fail(fault)
      yield* this.limitTime(query.timeLimit)
      this.received = 0
      this.maxBytes = query.maxBytes
      const check = query.rows === "objects" ? Columns.checkNames : () => undefined
      const reader: Results.Reader = { onRow, options: this.options, check }
      if (query.params.length === 0) return yield* this.answer((connection) => connection.query(query.text), reader)
      const statement = yield* this.prepare(query.text)
      return yield* this.answer(() => statement.execute(params), reader)
    }).pipe(Effect.ensuring(Effect.sync(() => (this.maxBytes = Infinity))))
  }

  /** How much of the answer has come since it was begun, or read on. */
  get bytes(): number {
    return this.received
  }

  /** Reads no more, until {@link resume}. */
  pause(): void {
    this.connection?.pause()
  }

  /** Reads on, and counts bytes anew. */
  resume(): void {
    this.received = 0
    this.connection?.resume()
  }

  /**
   * Makes the server stop what it does here, over another connection, and waits until it has. After it, the connection can
   * be used; if it fails, or is interrupted, it must be destroyed.
   */
  readonly stop: Effect.Effect<void, Fault> = Effect.suspend(() => {
    const { connection } = this
    if (connection === undefined || this.lost) return Effect.fail(Faults.unavailable("the connection was lost"))
    this.stopping = true
    let isQuiet = false
    // It is answered after all that was sent before.
    const quiet = Effect.async<void>((resume) => {
      if (isQuiet) resume(Effect.void)
      else onQuiet = () => resume(Effect.void)
    })
    let onQuiet = () => {}
    connection.ping(() => {
      isQuiet = true
      onQuiet()
    })
    this.maxBytes = Infinity
    this.resume()
    const killing = (other: Wire) =>
      Effect.gen(this, function* () {
        yield* other.connected
        // One that arrives before its statement has begun does nothing, so it may take more than one.
        while (!isQuiet) {
          yield* other.command(`KILL QUERY ${Number(connection.threadId)}`)
          yield* Effect.raceFirst(quiet, Effect.sleep(20))
        }
        // When the statement had ended by itself, the kill may wait for the next (MySQL bug 45679), and this is it.
        yield* Effect.catchAll(this.command("DO 0"), (fault) => (this.alive ? Effect.void : Effect.fail(fault)))
      })
    return Effect.acquireUseRelease(
      Effect.sync(() => new Wire(this.driver, this.options)),
      killing,
      (other) => Effect.sync(() => other.destroy())
    ).pipe(Effect.zipRight(Effect.sync(() => (this.stopping = false))))
  })

  /** Sends a statement of our own, without parameters. */
  private command(text: string): Effect.Effect<Results.Header | undefined, Fault> {
    return this.exchange((connection, end) => Results.read(connection.query(text), Results.unread, end))
  }

  /** Tells the session how long the statement may run; only MariaDB holds statements that write to it. */
  private limitTime(millis: number) {
    const limit = millis > longest ? 0 : Math.max(1, Math.ceil(millis))
    if (limit === this.timeLimit) return Effect.void
    // If it is stopped in between, nobody knows.
    this.timeLimit = NaN
    const value = this.isMariaDB ? (limit / 1_000).toFixed(3) : String(limit)
    const name = this.isMariaDB ? "max_statement_time" : "max_execution_time"
    return Effect.map(this.command(`SET SESSION ${name} = ${limit === 0 ? "DEFAULT" : value}`), () => {
      this.timeLimit = limit
    })
  }

  private prepare(text: string) {
    return this.wanted(
      this.exchange<Mysql.PrepareStatementInfo>((connection, end) => {
        connection.prepare(text, (error, statement) => {
          end(error === null ? Effect.succeed(statement) : Effect.fail(faultOf(error)))
        })
      })
    )
  }

  private answer(start: (connection: Mysql.Connection) => Mysql.Query, reader: Results.Reader) {
    return this.wanted(
      this.exchange<Results.Header | undefined>((connection, end) => Results.read(start(connection), reader, end))
    ).pipe(
      Effect.tap((header) => {
        // The flag of the protocol for an open transaction.
        if (header !== undefined) this.inTransaction = (header.serverStatus & 1) === 1
      })
    )
  }

  /** A statement is not begun once it is to be stopped: the kill may be over. */
  private wanted<A>(exchange: Effect.Effect<A, Fault>): Effect.Effect<A, Fault> {
    return Effect.suspend(() => (this.stopping ? Effect.fail(Faults.unavailable("it was cancelled")) : exchange))
  }

  /** Sends one command, and ends when its answer is there, or the connection is lost. */
  private exchange<A>(start: (connection: Mysql.Connection, end: (answer: Effect.Effect<A, Fault>) => void) => void) {
    return Effect.async<A, Fault>((resume) => {
      const { connection } = this
      if (connection === undefined || this.lost)
        return resume(Effect.fail(Faults.unavailable("the connection was lost")))
      this.fail = (fault) => end(Effect.fail(fault))
      const end = (answer: Effect.Effect<A, Fault>) => {
        this.fail = undefined
        resume(answer)
      }
      start(connection, end)
    })
  }

  private listen(connection: Mysql.Connection) {
    // The cast: it has it, though its type does not say so.
    this.socket = (connection as Mysql.Connection & { readonly stream: Duplex }).stream
    this.socket.on("data", (data: Uint8Array) => {
      this.received += data.byteLength
      if (this.received <= this.maxBytes) return
      this.fail?.(Faults.malformed(`the answer is longer than ${this.maxBytes} bytes`))
      this.destroy()
    })
  }
}

/** `undefined` for the time zone of the session, whichever the server gives it. */
const zoneOf = ({ timezone = "Z" }: Mysql.ConnectionOptions): string | undefined =>
  timezone === "local" ? undefined : timezone === "Z" ? "+00:00" : timezone
