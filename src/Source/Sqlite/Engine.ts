/**
 * One connection to an SQLite database in this process, and what runs on it. It knows nothing of Effect, so that a process that
 * runs it starts fast.
 *
 * @since 0.1.0
 */
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises"
import type { Fault } from "../Fault.ts"
import { faultOf, isBusy, malformed, rejected, unavailable } from "./Errors.ts"
import type { Bound } from "./Parameters.ts"
import { Rows } from "./Rows.ts"
import { type Database, kindOf, prepare, type Prepared, type Schema, type Statement } from "./Statement.ts"
import { type Encoding, readPlainly } from "./Values.ts"
import * as Whole from "./Whole.ts"

/**
 * A statement as an engine is asked it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Question {
  readonly text: string
  readonly params: ReadonlyArray<Bound>
  /** An answer that is longer is malformed. */
  readonly maxBytes: number
  /** The bytes of each page count alone. */
  readonly isStream: boolean
  /** Rows become objects: a statement with two columns of one name is not run, and answered with its columns alone. */
  readonly hasNames: boolean
}

/**
 * Some rows of an answer: at least one, unless it is the last page.
 *
 * @since 0.1.0
 * @category models
 */
export interface Page {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<unknown>>
  readonly hasMore: boolean
  /** Of a statement that wrote and returned no rows. */
  readonly changes?: { readonly changes: unknown; readonly lastInsertRowid: unknown }
}

/**
 * Where statements run: in this process ({@link LocalEngine}), or in another. A promise fails with a `Fault`, and one exchange
 * is over before the next begins.
 *
 * @since 0.1.0
 * @category models
 */
export interface Engine {
  readonly open: () => Promise<void>
  /** Runs a statement, and gives its first page. */
  readonly ask: (question: Question) => Promise<Page>
  /** The next page. */
  readonly next: () => Promise<Page>
  /** Ends an answer before its last page. */
  readonly close: () => Promise<void>
  /** Stops what runs; does nothing to what comes after it. */
  readonly interrupt: () => void
  /** Closes it at once; what runs is interrupted. */
  readonly destroy: () => void
  readonly state: State
}

/**
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly isAlive: boolean
  /** It should be replaced once it is free. */
  readonly isWorn: boolean
  readonly inTransaction: boolean
}

/**
 * Which database a connection is opened to; times in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Location {
  readonly path: string
  readonly busyTimeout: number
  readonly synchronous: string
}

/** A connection that holds so many statements is replaced by a new one. */
const mostStatements = 200

/** A page is full with so many rows, so many bytes, or after so many milliseconds. */
const full = { rows: 1_000, bytes: 64_000, millis: 4 }

/**
 * @since 0.1.0
 * @category models
 */
export class LocalEngine implements Engine {
  private database: Database | undefined
  private isDestroyed = false
  /** What runs is to be stopped. */
  private isStopping = false
  private running: Promise<unknown> | undefined
  private readonly statements = new Map<string, Statement>()
  private readonly own = new Map<string, Prepared>()
  private made = 0
  /** Statements that are no longer used, but must not be collected. */
  private readonly old: Array<Statement> = []
  private rows: Rows | undefined
  /** The bytes of the answer so far. */
  private bytes = 0
  private question: Question | undefined
  /** A statement was left half done, so that no transaction can be committed any more. */
  private isBroken = false
  /** A transaction was begun, and neither committed nor rolled back by us. */
  private hasBegun = false

  constructor(
    private readonly connect: (path: string) => Database,
    private readonly location: Location
  ) {}

  get state(): State {
    // Asked about a database that is closed, the driver ends the process.
    const database = this.isDestroyed ? undefined : this.database
    const isAlive = database !== undefined && !this.isBroken
    const inTransaction = this.hasBegun || database?.inTransaction === true
    return { isAlive, isWorn: this.made >= mostStatements, inTransaction }
  }

  open(): Promise<void> {
    return this.exchange(async () => {
      this.database = this.connect(this.location.path)
      await this.exec("PRAGMA journal_mode = WAL")
      await this.exec(`PRAGMA synchronous = ${this.location.synchronous}`)
    })
  }

  destroy(): void {
    if (this.isDestroyed) return
    this.isDestroyed = this.isStopping = true
    this.rows?.close()
    this.database?.interrupt()
    const close = () => this.database?.close()
    if (this.running === undefined) close()
    else void this.running.then(close, close)
  }

  interrupt(): void {
    this.isStopping = true
    this.database?.interrupt()
  }

  ask(question: Question): Promise<Page> {
    this.isStopping = this.isDestroyed
    return this.exchange(() => this.answer(question))
  }

  next(): Promise<Page> {
    this.isStopping = this.isDestroyed
    return this.exchange(async () => {
      // Others have their turn between two pages.
      await nextTurn()
      return this.page()
    })
  }

  close(): Promise<void> {
    this.rows?.close()
    this.rows = undefined
    return Promise.resolve()
  }

  private async answer(question: Question): Promise<Page> {
    this.question = question
    this.bytes = 0
    const { params, text } = question
    const kind = this.statements.get(text)?.kind ?? kindOf(text)
    if (kind === "controls" && params.length === 0) {
      await this.control(text)
      return { columns: [], rows: [], hasMore: false }
    }
    const isAlone = kind === "writes" && !this.state.inTransaction
    // Its commit would be part of the last step, on the event loop; and only what waits here waits for its turn to write.
    if (isAlone) await this.exec("BEGIN IMMEDIATE")
    try {
      this.rows = await this.run(question)
      const page = kind === "writes" ? await this.written() : await this.page()
      if (isAlone) await this.exec("COMMIT")
      return page
    } catch (error) {
      if (isAlone && this.state.inTransaction) await this.opened.exec("ROLLBACK")
      throw error
    }
  }

  /** All rows of what writes, which is committed behind the last. */
  private async written(): Promise<Page> {
    let { columns, hasMore, rows } = await this.page()
    while (hasMore) {
      await nextTurn()
      const page = await this.page()
      rows = rows.concat(page.rows)
      hasMore = page.hasMore
    }
    if (rows.length > 0 || columns.length > 0) return { columns, rows, hasMore }
    const [changes, lastInsertRowid] = await this.row("SELECT changes(), last_insert_rowid()")
    return {
      columns,
      rows,
      hasMore,
      changes: { changes: readPlainly(changes), lastInsertRowid: readPlainly(lastInsertRowid) }
    }
  }

  private async run({ hasNames, params, text }: Question): Promise<Rows> {
    this.checkTransaction()
    for (let round = 1; ; round++) {
      const statement = await this.statement(text)
      const { columns } = statement
      if (hasNames && new Set(columns).size < columns.length) return Rows.none(this.opened, columns)
      try {
        const rows = await statement.run(params)
        if (rows.isCurrent() || round === rounds) return rows
        rows.close()
      } catch (error) {
        if (round === rounds || statement.kind !== "reads" || !Whole.isStale(error)) throw error
      }
      this.forget(text)
    }
  }

  private async statement(text: string): Promise<Statement> {
    const known = this.statements.get(text)
    if (known !== undefined && !known.isVague) return known
    const schema = await this.schema()
    if (known?.schema.version === schema.version) return known
    if (known !== undefined) this.forget(text)
    const statement = await prepare(this.opened, text, schema)
    this.made++
    this.statements.set(text, statement)
    return statement
  }

  private forget(text: string) {
    const statement = this.statements.get(text)
    if (statement !== undefined) this.old.push(statement)
    this.statements.delete(text)
  }

  private async control(text: string): Promise<void> {
    const refused = Whole.refusal(text)
    if (refused !== undefined) throw rejected(refused)
    const isRollback = /^\s*rollback\b/i.test(text)
    if (!isRollback) this.checkTransaction()
    // Of one that SQLite has rolled back, there is nothing to roll back; but it goes on until its outermost end.
    if (this.isLost) this.hasBegun = /\bto\b/i.test(text)
    else {
      await this.exec(text)
      this.hasBegun = this.opened.inTransaction
      // It may have changed a table of this connection alone, which `version` does not count.
      if (/^\s*(?:create|drop|alter)\b/i.test(text)) for (const known of this.statements.keys()) this.forget(known)
    }
  }

  /** SQLite rolls back by itself when it is stopped while it writes. What comes after would be outside the transaction. */
  private get isLost(): boolean {
    return this.hasBegun && !this.opened.inTransaction
  }

  private checkTransaction(): void {
    if (this.isLost) throw unavailable("its transaction was rolled back when a statement in it was stopped")
  }

  private page(): Page {
    const { question, rows: reading } = this
    if (question === undefined || reading === undefined) return { columns: [], rows: [], hasMore: false }
    const { columns } = reading
    const rows: Array<ReadonlyArray<unknown>> = []
    const end = performance.now() + full.millis
    let bytes = 0
    for (;;) {
      const row = this.isStopping ? this.give(unavailable("it was stopped")) : reading.next()
      if (row === undefined) {
        this.rows = undefined
        return { columns, rows, hasMore: false }
      }
      bytes += reading.sizeOf(row)
      if (bytes + (question.isStream ? 0 : this.bytes) > question.maxBytes) {
        this.give(malformed(`the answer is longer than ${question.maxBytes} bytes`))
      }
      try {
        rows.push(reading.read(row))
      } catch (error) {
        this.give(faultOf(error))
      }
      if (rows.length < full.rows && bytes < full.bytes && performance.now() < end) continue
      this.bytes += bytes
      return { columns, rows, hasMore: true }
    }
  }

  private give(fault: Fault): never {
    this.rows?.close()
    this.rows = undefined
    throw fault
  }

  /** Runs what gives no rows; tries again while another connection writes. SQLite's own wait cannot be interrupted. */
  private async exec(text: string): Promise<void> {
    const end = performance.now() + this.location.busyTimeout
    for (let pause = 1; ; pause = Math.min(25, pause * 2)) {
      try {
        return await this.opened.exec(text)
      } catch (error) {
        if (!isBusy(error) || this.isStopping || performance.now() >= end) throw faultOf(error)
      }
      await delay(pause)
    }
  }

  private async schema(): Promise<Schema> {
    const [version, encoding] = await this.row(`SELECT ${Whole.version}, encoding FROM pragma_encoding`)
    // The cast: so it answers.
    return { version: version as bigint, encoding: encoding as Encoding }
  }

  /** The only row of a statement of ours, as the driver reads it. */
  private async row(text: string): Promise<ReadonlyArray<unknown>> {
    const prepared = this.own.get(text) ?? (await this.opened.prepare(text))
    this.own.set(text, prepared)
    prepared.raw()
    prepared.safeIntegers()
    const fetched = await prepared.iterate([])
    const { value } = fetched.next()
    while (fetched.next().done !== true);
    // The cast: it has one row.
    return value as ReadonlyArray<unknown>
  }

  private get opened(): Database {
    if (this.database === undefined || this.isDestroyed) throw unavailable("the connection was closed")
    return this.database
  }

  private async exchange<A>(run: () => Promise<A>): Promise<A> {
    if (this.isStopping) throw unavailable("it was stopped")
    const running = run()
    this.running = running
    try {
      return await running
    } catch (error) {
      // What `exec` runs is never left half done.
      if (isBusy(error)) this.isBroken = true
      throw faultOf(error)
    } finally {
      this.running = undefined
    }
  }
}

/** How often a statement is made anew when the tables change while it is. */
const rounds = 5
