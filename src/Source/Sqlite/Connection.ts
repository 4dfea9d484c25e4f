/**
 * One connection as the pool and `Sql` use it, over an engine in this process or in another.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { setTimeout as delay } from "node:timers/promises"
import type { Fault } from "../Fault.ts"
import type { Answer, Cursor, Query } from "../Sql.ts"
import * as Columns from "../Sql/Columns.ts"
import type { Engine, Page, Question } from "./Engine.ts"
import { faultOf, rejected, unavailable } from "./Errors.ts"
import { bind, isWellFormed } from "./Parameters.ts"

/**
 * @since 0.1.0
 * @category models
 */
export class Connection {
  private running: Promise<unknown> | undefined
  private isStopping = false
  private isDestroyed = false

  constructor(private readonly engine: Engine) {}

  get isAlive(): boolean {
    return !this.isDestroyed && this.engine.state.isAlive
  }

  /** True when it should be replaced, once it is free. */
  get isWorn(): boolean {
    return this.engine.state.isWorn
  }

  get inTransaction(): boolean {
    return this.engine.state.inTransaction
  }

  readonly open: Effect.Effect<void, Fault> = this.exchange(() => this.engine.open())

  destroy(): void {
    this.isDestroyed = this.isStopping = true
    this.engine.destroy()
  }

  /** Runs a statement to its end. */
  execute(query: Query): Effect.Effect<Answer, Fault> {
    return this.exchange(async () => {
      const rows: Array<unknown> = []
      let page = await this.engine.ask(questionOf(query, false))
      for (;;) {
        for (const row of this.rowsOf(page, query)) rows.push(row)
        if (!page.hasMore) return { rows, raw: page.changes ?? rows }
        page = await this.next()
      }
    })
  }

  /** Reads a statement page by page. */
  cursor(query: Query): Cursor {
    let state: "new" | "open" | "ended" = "new"
    const next = this.exchange(async () => {
      if (state === "ended") return []
      const page = state === "new" ? await this.engine.ask(questionOf(query, true)) : await this.next()
      state = page.hasMore ? "open" : "ended"
      return this.rowsOf(page, query)
    })
    const close = Effect.suspend(() => (state === "open" ? this.exchange(() => this.engine.close()) : Effect.void))
    return { next, close }
  }

  /** Interrupts what runs, until it has ended. */
  readonly stop: Effect.Effect<void> = Effect.gen(this, function* () {
    this.isStopping = true
    // An interruption that comes before the first step does nothing, so it may take more than one.
    while (this.running !== undefined) {
      this.engine.interrupt()
      const { running } = this
      yield* Effect.promise(() => Promise.race([running.catch(() => {}), delay(5)]))
    }
    this.isStopping = this.isDestroyed
  })

  private async next(): Promise<Page> {
    if (!this.isStopping) return this.engine.next()
    await this.engine.close()
    throw unavailable("it was stopped")
  }

  private rowsOf(page: Page, query: Query): ReadonlyArray<unknown> {
    if (query.rows === "arrays") return page.rows
    const fault = Columns.checkNames(page.columns)
    if (fault !== undefined) throw fault
    return page.rows.map((row) => Columns.toObject(page.columns, row))
  }

  private exchange<A>(run: () => Promise<A>): Effect.Effect<A, Fault> {
    return Effect.tryPromise({
      try: async () => {
        if (this.isStopping) throw unavailable("it was stopped")
        const running = run()
        this.running = running
        try {
          return await running
        } finally {
          this.running = undefined
        }
      },
      catch: faultOf
    })
  }
}

/** Throws a `Fault` for what cannot be asked. */
const questionOf = ({ maxBytes, params, rows, text }: Query, isStream: boolean): Question => {
  if (text.includes("\0") || !isWellFormed(text)) {
    throw rejected("the statement has NUL or half of a surrogate pair in it: give the value as a parameter")
  }
  return { text, params: bind(params), maxBytes, isStream, hasNames: rows === "objects" }
}
