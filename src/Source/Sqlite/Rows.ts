/**
 * The rows of a statement while they are read.
 *
 * @since 0.1.0
 */
import type { Database } from "./Statement.ts"
import { readPlainly, sizeOf } from "./Values.ts"

/**
 * The iterator of the driver. It reads `nextRows.length` rows at a time, on the event loop and into memory, once
 * `nextRowIndex` is 100.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fetched extends Iterator<ReadonlyArray<unknown>> {
  nextRows: Array<unknown>
  nextRowIndex: number
}

/** The driver reads so many bytes at a time, if one row is not longer. */
const fetchBytes = 64_000

/** As many as the driver itself. */
const fetchRows = 100

/**
 * Rows as the driver gives them. Unless they are read to the end, they must be closed: until then they hold a snapshot.
 *
 * @since 0.1.0
 * @category models
 */
export class Rows {
  private fetch = 1
  private left = 0
  private fetchedBytes = 0
  private hasEnded = false
  private first: ReadonlyArray<unknown> | undefined

  constructor(
    private readonly database: Database,
    private readonly fetched: Fetched,
    readonly columns: ReadonlyArray<string>,
    /** Reads the values of statements of `Whole`. */
    private readonly readWhole: ((value: unknown, column: string) => unknown) | undefined,
    /** With each row comes how often the tables have changed. */
    private readonly version: bigint | undefined
  ) {}

  /** As of a statement that has found nothing. */
  static none(database: Database, columns: ReadonlyArray<string>): Rows {
    const next = () => ({ done: true, value: undefined }) as const
    return new Rows(database, { next, nextRows: [], nextRowIndex: 0 }, columns, undefined, undefined)
  }

  /** False when the tables have changed since the names of the columns were read. */
  isCurrent(): boolean {
    this.first = this.next()
    return this.version === undefined || this.first === undefined || this.first.at(-1) === this.version
  }

  next(): ReadonlyArray<unknown> | undefined {
    const { first } = this
    if (first !== undefined) {
      this.first = undefined
      return first
    }
    const row = this.step()
    if (row !== undefined) this.fetchedBytes += this.sizeOf(row)
    return row
  }

  private step(): ReadonlyArray<unknown> | undefined {
    // After its end, the driver would run the statement again.
    if (this.hasEnded) return undefined
    if (this.left === 0) this.more()
    this.left--
    const { done, value } = this.fetched.next()
    this.hasEnded = done === true
    return this.hasEnded ? undefined : value
  }

  /** Its size in bytes. */
  sizeOf(row: ReadonlyArray<unknown>): number {
    let bytes = 0
    for (let i = 0; i < this.columns.length; i++) bytes += sizeOf(row[i], this.readWhole !== undefined)
    return bytes
  }

  read(row: ReadonlyArray<unknown>): Array<unknown> {
    const read = this.readWhole ?? readPlainly
    return this.columns.map((name, index) => read(row[index], name))
  }

  close(): void {
    if (this.hasEnded) return
    this.database.interrupt()
    try {
      // The first step that sees the interruption ends the statement, by failing. Until then, it hits what comes next.
      while (this.step() !== undefined);
    } catch {
      this.hasEnded = true
    }
  }

  /** Rows may be large, so it begins with one. */
  private more() {
    if (this.fetchedBytes > 0) {
      const fit = Math.floor((fetchBytes * this.fetch) / this.fetchedBytes)
      this.fetch = Math.max(1, Math.min(fetchRows, 2 * this.fetch, fit))
      this.fetchedBytes = 0
    }
    this.left = this.fetch
    this.fetched.nextRows = new Array(this.fetch)
    this.fetched.nextRowIndex = fetchRows
  }
}
