/**
 * Statements over the driver `pg`: a query class of its own, since the driver's calls back before the wire is quiet.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import * as Fault from "../Fault.ts"
import type { Answer, Cursor, Query } from "../Sql.ts"
import * as Columns from "../Sql/Columns.ts"
import * as Parameters from "./Parameters.ts"
import * as Refusals from "./Refusals.ts"
import * as TimeLimit from "./TimeLimit.ts"
import type * as Types from "./Types.ts"
import type { Client, Connection, Wire } from "./Wire.ts"

/**
 * The parts of `pg` that its types leave out.
 *
 * @since 0.1.0
 * @category models
 */
export interface Module {
  readonly Client: new (config: object) => Client
  readonly Result: new (rowMode: "array" | undefined, types: object) => Result
  readonly types: Types.Driver
  readonly utils: { readonly prepareValue: (value: unknown) => unknown }
}

interface Result {
  readonly rows: Array<unknown>
  readonly command: string | null
  readonly addFields: (fields: ReadonlyArray<unknown>) => void
  readonly addCommandComplete: (message: unknown) => void
  readonly parseRow: (fields: ReadonlyArray<unknown>) => unknown
}

type Resume<A> = (effect: Effect.Effect<A, Refusals.Refusal>) => void

/**
 * Runs a statement to its end.
 *
 * @since 0.1.0
 * @category running
 */
export const execute =
  (pg: Module) =>
  (wire: Wire, query: Query): Effect.Effect<Answer, Refusals.Refusal> =>
    Effect.async((resume) => new Exchange(pg, wire, query, 0).begin((exchange) => resume(exchange)))

/**
 * Reads a result page by page, through a portal.
 *
 * @since 0.1.0
 * @category running
 */
export const cursor =
  (pg: Module) =>
  (wire: Wire, query: Query): Cursor => {
    const exchange = new Exchange(pg, wire, query, pageSize)
    return {
      next: Effect.map(
        Effect.async<Answer, Refusals.Refusal>((resume) => exchange.next(resume)),
        ({ rows }) => rows
      ),
      close: Effect.asVoid(Effect.async<Answer, Refusals.Refusal>((resume) => exchange.close(resume)))
    }
  }

const pageSize = 128

/**
 * What `pg` calls back while the server answers, and when.
 */
class Exchange {
  private resume: Resume<Answer> | undefined
  private readonly results: Array<Result> = []
  private fault: Refusals.Refusal | undefined
  /** Bytes of the rows of this page. */
  private received = 0
  private state: "new" | "asked" | "suspended" | "ended" = "new"
  /** The answer to our own statement comes first. */
  private skipping = false

  constructor(
    private readonly pg: Module,
    private readonly wire: Wire,
    private readonly query: Query,
    /** Rows in a page; 0 for all. */
    private readonly page: number
  ) {}

  begin(resume: Resume<Answer>) {
    this.expect(resume)
    this.wire.client.query(this)
  }

  next(resume: Resume<Answer>) {
    if (this.state === "new") return this.begin(resume)
    if (this.state === "ended") return resume(Effect.succeed(nothing))
    this.expect(resume)
    this.results.forEach((result) => result.rows.splice(0))
    this.connection.execute({ rows: this.page })
    this.connection.flush()
  }

  close(resume: Resume<Answer>) {
    if (this.state !== "suspended") return resume(Effect.succeed(nothing))
    this.expect(resume)
    // The next statement takes the place of the portal.
    this.connection.sync()
  }

  private expect(resume: Resume<Answer>) {
    this.resume = resume
    this.state = "asked"
    this.wire.budget = this.query.maxBytes
    this.wire.onOverflow = () => this.overflow()
  }

  submit(connection: Connection) {
    try {
      const values = Parameters.encode(this.query.text, this.query.params, this.pg.utils.prepareValue)
      const limit = TimeLimit.of(this.wire, this.query)
      connection.stream.cork()
      this.skipping = limit !== undefined
      if (limit !== undefined) TimeLimit.send(connection, limit)
      if (limit === undefined && this.page === 0 && values.length === 0) connection.query(this.query.text)
      else this.send(connection, values)
      connection.stream.uncork()
    } catch (error) {
      // Nothing was sent: a value could not be written as one of PostgreSQL.
      this.fault = error instanceof Fault.Fault ? error : Fault.rejected("a parameter cannot be sent")
      return new Error(this.fault.reason)
    }
    return undefined
  }

  private send(connection: Connection, values: ReadonlyArray<unknown>) {
    connection.parse({ text: this.query.text })
    connection.bind({ values })
    connection.describe({ type: "P", name: "" })
    connection.execute({ rows: this.page })
    if (this.page === 0) connection.sync()
    else connection.flush()
  }

  handleRowDescription({ fields }: { readonly fields: ReadonlyArray<{ readonly name: string }> }) {
    const { client } = this.wire
    if (this.query.rows === "objects") this.fault ??= Columns.checkNames(fields.map(({ name }) => name))
    const result = new this.pg.Result(this.query.rows === "arrays" ? "array" : undefined, client)
    result.addFields(fields)
    this.results.push(result)
  }

  handleDataRow({ fields, length }: { readonly fields: ReadonlyArray<unknown>; readonly length: number }) {
    const result = this.results.at(-1)
    this.received += length
    if (this.received > this.query.maxBytes) return this.overflow()
    if (this.skipping || result === undefined || this.fault !== undefined) return
    try {
      result.rows.push(result.parseRow(fields))
    } catch (error) {
      this.fault = error instanceof Fault.Fault ? error : Fault.malformed("a value could not be read")
    }
  }

  handleCommandComplete(message: unknown) {
    if (this.skipping) return void (this.skipping = false)
    const last = this.results.at(-1)
    const result = last === undefined || last.command !== null ? new this.pg.Result(undefined, this.wire.client) : last
    if (result !== last) this.results.push(result)
    result.addCommandComplete(message)
    if (this.page > 0) this.connection.sync()
  }

  handleEmptyQuery() {
    if (this.page > 0) this.connection.sync()
  }

  handlePortalSuspended() {
    if (this.fault !== undefined) return this.connection.sync()
    this.state = "suspended"
    this.done(Effect.succeed(this.answer))
  }

  handleCopyInResponse(connection: Connection) {
    connection.sendCopyFail("there is nothing to copy from")
  }

  handleCopyData() {}

  handleReadyForQuery() {
    this.end()
  }

  /** The server says what is wrong first, and then that it is ready; `pg` tells only the first. */
  handleError(error: unknown) {
    this.fault ??= Refusals.read(error)
    if (!this.wire.alive || !(error instanceof Error && "severity" in error)) return this.end()
    const { connection } = this
    const ready = () => {
      connection.removeListener("readyForQuery", ready)
      connection.removeListener("end", ready)
      this.end()
    }
    connection.once("readyForQuery", ready)
    connection.once("end", ready)
    if (this.page > 0) connection.sync()
  }

  private overflow() {
    this.fault = Fault.malformed(`the answer is longer than ${this.query.maxBytes} bytes`)
    this.wire.destroy()
  }

  private get answer(): Answer {
    const rows = this.results.map((result) => (this.page > 0 ? [...result.rows] : result.rows))
    const [only, ...more] = rows
    return more.length === 0 ? { rows: only ?? [], raw: this.results[0] } : { rows, raw: this.results }
  }

  private end() {
    this.state = "ended"
    this.done(this.fault === undefined ? Effect.succeed(this.answer) : Effect.fail(this.fault))
  }

  private done(effect: Effect.Effect<Answer, Refusals.Refusal>) {
    this.wire.budget = Infinity
    this.wire.onOverflow = undefined
    this.received = 0
    const { resume } = this
    this.resume = undefined
    resume?.(effect)
  }

  private get connection() {
    return this.wire.client.connection
  }
}

const nothing: Answer = { rows: [], raw: undefined }
