/**
 * One connection to an SQLite database, and what runs on it.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises"
import type { Fault } from "../Fault.ts"
import * as Faults from "../Fault.ts"
import type { Answer, Cursor, Query } from "../Sql.ts"
import { faultOf, isBusy } from "./Errors.ts"
import type { Checked } from "./Settings.ts"
import { type Database, isControl, prepare, type Rows, type Statement } from "./Statement.ts"
import { read, sizeOf } from "./Values.ts"

/** Rows are read on the event loop for so many milliseconds at a time. */
const turn = 4

/** A connection that holds so many statements is replaced by a new one. */
const most = 200

/** A page of a cursor is full with so many rows, or so many bytes. */
const full = { rows: 1_000, bytes: 64_000 }

/**
 * @since 0.1.0
 * @category models
 */
export class Wire {
  private database: Database | undefined
  private destroyed = false
  /** What runs is to be stopped. */
  private stopping = false
  private running: Promise<unknown> | undefined
  private readonly statements = new Map<string, Statement>()
  /** Rows of a cursor between two pages. */
  private reading: Rows | undefined
  /** A statement was left half done, so that no transaction can be committed any more. */
  private broken = false
  /** A transaction was begun, and neither committed nor rolled back by us. */
  private begun = false

  constructor(
    private readonly connect: (path: string) => Database,
    private readonly settings: Omit<Checked, "path"> & { readonly path: string }
  ) {}

  get alive(): boolean {
    return this.database !== undefined && !this.destroyed && !this.broken
  }

  /** True when it should be replaced, once nobody uses it. */
  get isWorn(): boolean {
    return this.statements.size >= most
  }

  /** True while a transaction is open. */
  get inTransaction(): boolean {
    return this.begun || this.database?.inTransaction === true
  }

  readonly open: Effect.Effect<void, Fault> = this.exchange(async () => {
    this.database = this.connect(this.settings.path)
    await this.exec("PRAGMA journal_mode = WAL")
    await this.exec(`PRAGMA synchronous = ${this.settings.synchronous}`)
  })

  /** Closes it at once; what runs is interrupted. */
  destroy(): void {
    if (this.destroyed) return
    this.destroyed = this.stopping = true
    this.reading?.close()
    this.database?.interrupt()
    const close = () => this.database?.close()
    if (this.running === undefined) close()
    else void this.running.then(close, close)
  }

  /** Runs a statement to its end. */
  execute(query: Query): Effect.Effect<Answer, Fault> {
    return this.exchange(() => this.answer(query))
  }

  /** Reads a statement page by page. */
  cursor(query: Query): Cursor {
    let isNew = true
    const next = this.exchange(async () => {
      if (isNew) this.reading = await this.run(await this.statement(query.text), query)
      isNew = false
      const rows = this.reading
      return rows === undefined ? [] : this.page(rows, query, full)
    })
    const close = Effect.sync(() => {
      this.reading?.close()
      this.reading = undefined
    })
    return { next, close }
  }

  /** Interrupts what runs, until it has ended. */
  readonly stop: Effect.Effect<void> = Effect.gen(this, function* () {
    this.stopping = true
    // An interruption that comes before the first step does nothing, so it may take more than one.
    while (this.running !== undefined) {
      this.database?.interrupt()
      const { running } = this
      yield* Effect.promise(() => Promise.race([running.catch(() => {}), delay(5)]))
    }
    this.stopping = this.destroyed
  })

  private async answer(query: Query): Promise<Answer> {
    const database = this.opened
    if (isControl(query.text) && query.params.length === 0) {
      await this.control(query.text)
      return { rows: [], raw: [] }
    }
    const statement = await this.statement(query.text)
    const isAlone = statement.writes && !this.inTransaction
    // Its commit would be part of the last step, on the event loop; and only what waits here waits for its turn to write.
    if (isAlone) await this.exec("BEGIN IMMEDIATE")
    try {
      const rows = await this.page(await this.run(statement, query), query)
      const raw = rows.length === 0 && statement.writes ? await this.changes() : rows
      if (isAlone) await this.exec("COMMIT")
      return { rows, raw }
    } catch (error) {
      if (isAlone && database.inTransaction) await database.exec("ROLLBACK")
      throw error
    }
  }

  private async statement(text: string): Promise<Statement> {
    const statement = this.statements.get(text) ?? (await prepare(this.opened, text))
    this.statements.set(text, statement)
    return statement
  }

  private async control(text: string): Promise<void> {
    const isRollback = /^\s*rollback\b/i.test(text)
    if (!isRollback) this.checkTransaction()
    // Of one that SQLite has rolled back, there is nothing to roll back; but it goes on until its outermost end.
    if (this.isLost) this.begun = /\bto\b/i.test(text)
    else {
      await this.exec(text)
      this.begun = this.opened.inTransaction
    }
  }

  private run(statement: Statement, { params }: Query): Promise<Rows> {
    this.checkTransaction()
    return statement.run(params)
  }

  /** SQLite rolls back by itself when it is stopped while it writes. What comes after would be outside the transaction. */
  private get isLost(): boolean {
    return this.begun && this.database?.inTransaction === false
  }

  private checkTransaction(): void {
    if (this.isLost) throw Faults.unavailable("its transaction was rolled back when a statement in it was stopped")
  }

  /** Reads rows, to the end or until a page is full, and lets others have the event loop in between. */
  private async page(rows: Rows, query: Query, limit?: typeof full): Promise<Array<unknown>> {
    const page: Array<unknown> = []
    const give = (fault: Fault) => {
      rows.close()
      this.reading = undefined
      throw fault
    }
    let bytes = 0
    for (let since = performance.now(); ;) {
      const row = this.stopping ? give(Faults.unavailable("it was stopped")) : rows.next()
      if (row === undefined) {
        this.reading = undefined
        return page
      }
      bytes += sizeOf(row)
      if (bytes > query.maxBytes) give(Faults.malformed(`the answer is longer than ${query.maxBytes} bytes`))
      page.push(
        query.rows === "arrays"
          ? row.map(read)
          : Object.fromEntries(rows.columns.map((name, index) => [name, read(row[index])]))
      )
      if (limit !== undefined && (page.length >= limit.rows || bytes >= limit.bytes)) return page
      if (performance.now() - since < turn) continue
      await nextTurn()
      since = performance.now()
    }
  }

  /** Runs what gives no rows; tries again while another connection writes. SQLite's own wait cannot be interrupted. */
  private async exec(text: string): Promise<void> {
    const end = performance.now() + this.settings.busyTimeout
    for (let pause = 1; ; pause = Math.min(25, pause * 2)) {
      try {
        return await this.opened.exec(text)
      } catch (error) {
        if (!isBusy(error) || this.stopping || performance.now() >= end) throw faultOf(error)
      }
      await delay(pause)
    }
  }

  private async all(text: string): Promise<Array<ReadonlyArray<unknown>>> {
    const rows = await (await this.statement(text)).run([])
    const all = []
    for (let row = rows.next(); row !== undefined; row = rows.next()) all.push(row)
    return all
  }

  private async changes() {
    const [row] = await this.all("SELECT changes(), last_insert_rowid()")
    return { changes: read(row?.[0]), lastInsertRowid: read(row?.[1]) }
  }

  private get opened(): Database {
    if (this.database === undefined || this.destroyed) throw Faults.unavailable("the connection was closed")
    return this.database
  }

  private exchange<A>(run: () => Promise<A>): Effect.Effect<A, Fault> {
    return Effect.tryPromise({
      try: async () => {
        if (this.stopping) throw Faults.unavailable("it was stopped")
        const running = run()
        this.running = running
        try {
          return await running
        } catch (error) {
          // What `exec` runs is never left half done.
          if (isBusy(error)) this.broken = true
          throw error
        } finally {
          this.running = undefined
        }
      },
      catch: faultOf
    })
  }
}
