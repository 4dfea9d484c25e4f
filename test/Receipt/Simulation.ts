/**
 * What a receipt must say, played event by event from the words of the design; it shares no code with what it judges. No two
 * events of a program fall into one instant.
 */
export interface Task {
  readonly name: string
  readonly ends: "succeed" | "fail" | "die" | "hang"
  readonly after: number
  /** Its own limit. */
  readonly limit: number
  readonly optional: boolean
  /** How long the stream of items takes to give it. */
  readonly pull: number
}

export interface Program {
  readonly policy: "failFast" | "collect" | "stream" | "quorum" | "first" | "forEach" | "collectEach" | "group"
  readonly tasks: ReadonlyArray<Task>
  readonly k: number
  readonly concurrency: number
  readonly deadline: number
  /** When the caller goes away. */
  readonly leaves: number
  /** Items come from a stream, which ends or fails after this long at its end. */
  readonly input: { readonly buffer: number; readonly fails: boolean; readonly pull: number } | undefined
}

interface Row {
  readonly task: Task
  readonly index: number
  start: number | null
  end: number | null
  outcome: "succeeded" | "failed" | "timed-out" | "cancelled" | "not-started"
  /** It ran out of its own limit. */
  own: boolean
  after: Row | undefined
}

export interface Told {
  readonly outcome: string
  readonly elapsed: number
  readonly cause: readonly [kind: string, source: string | null, at: number] | null
  readonly victims: ReadonlyArray<string>
  readonly path: ReadonlyArray<string>
  readonly sources: ReadonlyArray<readonly [name: string, outcome: string, start: number | null, end: number | null]>
}

export const simulate = (program: Program): Told => new Simulation(program).run()

class Simulation {
  private now = 0
  private readonly rows: Array<Row> = []
  private running: Array<Row> = []
  private queued: Array<Row> = []
  /** The next of the tasks to be known. */
  private next = 0
  private pulls: number | undefined = undefined
  private inputEnded: number | undefined = undefined
  private inputFailed: number | undefined = undefined
  private feedWaited: Row | undefined = undefined
  private lastEnded: Row | undefined = undefined
  private told: Told | undefined = undefined

  constructor(private readonly program: Program) {}

  run(): Told {
    const { input, policy, tasks } = this.program
    if (input === undefined) tasks.forEach((task) => this.know(task, undefined))
    const needed = policy === "first" ? 1 : policy === "quorum" ? this.program.k : 0
    if (needed > tasks.length) return this.answer("failed", undefined, null)
    if (this.program.deadline === 0) return this.strike()
    if (this.program.leaves === 0) return this.leave()
    if (input === undefined) this.fill(undefined)
    else this.feed()
    this.complete()
    while (this.told === undefined) this.step()
    return this.told
  }

  private step(): void {
    const { deadline, leaves } = this.program
    const row = this.running.reduce<Row | undefined>(
      (first, one) => (first === undefined || endOf(one) < endOf(first) ? one : first),
      undefined
    )
    const ends = row === undefined ? Infinity : endOf(row)
    this.now = Math.min(ends, this.pulls ?? Infinity, deadline, leaves)
    if (this.now === Infinity) throw new Error("It never answers")
    if (this.now === deadline) this.strike()
    else if (this.now === leaves) this.leave()
    else if (this.now === this.pulls) this.pulled()
    else this.ended(row!)
  }

  private know(task: Task, after: Row | undefined): Row {
    const row: Row = {
      task,
      index: this.rows.length,
      start: null,
      end: null,
      outcome: "not-started",
      own: false,
      after
    }
    this.rows.push(row)
    return row
  }

  private begin(row: Row, after: Row | undefined): void {
    row.after = after ?? row.after
    row.start = this.now
    this.running.push(row)
  }

  /** Starts what there is room for: of a list the next ones, of a stream those that were read. */
  private fill(after: Row | undefined): void {
    while (this.running.length < this.program.concurrency) {
      const row = this.program.input === undefined ? this.rows[this.next++] : this.queued.shift()
      if (row === undefined) return
      this.begin(row, after)
    }
  }

  /** Reads on, if there is a place for another item. */
  private feed(after?: Row): void {
    const { concurrency, input, tasks } = this.program
    if (input === undefined || this.pulls !== undefined || this.inputEnded !== undefined) return
    if (this.running.length + this.queued.length >= concurrency + input.buffer) return
    this.feedWaited = after ?? this.feedWaited
    this.pulls = this.now + (tasks[this.next]?.pull ?? input.pull)
  }

  private pulled(): void {
    this.pulls = undefined
    const { input, policy, tasks } = this.program
    const task = tasks[this.next++]
    if (task === undefined) {
      this.inputEnded = this.now
      if (input!.fails) this.inputFailed = this.now
      if (input!.fails && policy === "forEach") {
        this.stop("cancelled")
        this.answer("failed", this.feedWaited, ["failure", null, this.now])
      }
      return this.complete()
    }
    const row = this.know(task, this.feedWaited)
    if (this.running.length < this.program.concurrency) this.begin(row, undefined)
    else this.queued.push(row)
    this.feed()
  }

  private ended(row: Row): void {
    const { k, policy, tasks } = this.program
    this.running = this.running.filter((one) => one !== row)
    row.end = this.now
    row.own = row.task.limit < timeOf(row.task)
    row.outcome = row.own ? "timed-out" : row.task.ends === "succeed" ? "succeeded" : "failed"
    this.lastEnded = row
    const good = row.outcome === "succeeded"
    const died = row.outcome === "failed" && row.task.ends === "die"
    const allNeeded = policy === "failFast" || policy === "forEach" || policy === "group"
    if (allNeeded && !good && (died || !row.task.optional)) return this.decided("failed", row)
    if (policy === "quorum" || policy === "first") {
      const needed = policy === "first" ? 1 : k
      const successes = this.rows.filter((one) => one.outcome === "succeeded").length
      const failures = this.rows.filter((one) => one.end !== null).length - successes
      if (successes === needed) return this.decided("succeeded", row)
      if (tasks.length - failures < needed) return this.decided("failed", row)
    }
    this.fill(row)
    this.feed(row)
    this.complete()
  }

  private decided(outcome: "succeeded" | "failed", row: Row): void {
    this.stop("cancelled")
    this.answer(outcome, row, outcome === "failed" ? causeOf(row) : null)
  }

  /** All has come to its end. */
  private complete(): void {
    const { input } = this.program
    if (this.told !== undefined || this.running.length + this.queued.length > 0) return
    if (input === undefined ? this.next < this.rows.length : this.inputEnded === undefined) return
    const last = (this.inputEnded ?? 0) > (this.lastEnded?.end ?? 0) ? this.feedWaited : this.lastEnded
    const broken = this.inputFailed
    if (broken !== undefined) this.answer("failed", last, ["failure", null, broken])
    else if (this.rows.every((row) => row.outcome === "succeeded")) this.answer("succeeded", last, null)
    else this.answer("partial", last, this.firstWrong())
  }

  private strike(): Told {
    const { policy } = this.program
    const late = this.running[0] === undefined ? undefined : byIndex(this.running)[0]
    this.stop("timed-out")
    const collects = policy === "collect" || policy === "stream" || policy === "collectEach"
    // A task that waits for room in a group is no task of it yet.
    const isPending = (row: Row) =>
      (row.outcome === "timed-out" && !row.own) || (row.outcome === "not-started" && policy !== "group")
    const needed = this.rows.filter(isPending)
    const pending = needed.filter((row) => policy !== "failFast" || !row.task.optional)
    const waited = late ?? (this.program.input === undefined ? this.lastEnded : this.feedWaited)
    const deadline = (row: Row | undefined) => ["deadline", row?.task.name ?? null, this.now] as const
    if (this.inputFailed !== undefined) return this.answer("failed", waited, ["failure", null, this.inputFailed])
    const all = policy === "failFast" || (policy === "forEach" && this.program.input === undefined)
    const enough = all && pending.length === 0
    if (collects || enough) {
      const complete = this.rows.every((row) => row.outcome === "succeeded") && this.program.input === undefined
      return complete
        ? this.answer("succeeded", waited, null)
        : this.answer("partial", waited, this.firstWrong() ?? deadline(undefined))
    }
    const last = pending.find((row) => row.outcome === "timed-out") ?? late ?? pending[0] ?? waited
    return this.answer("timed-out", last, deadline(last?.outcome === "succeeded" ? undefined : last))
  }

  private leave(): Told {
    this.stop("cancelled")
    return this.answer("cancelled", undefined, ["caller", null, this.now])
  }

  private stop(outcome: "cancelled" | "timed-out"): void {
    for (const row of this.running) Object.assign(row, { outcome, end: this.now })
    this.running = []
  }

  /** The first that failed or ran out of time. */
  private firstWrong(): Told["cause"] {
    const wrong = this.rows.filter((row) => row.outcome === "failed" || row.outcome === "timed-out")
    const first = wrong.reduce<Row | undefined>(
      (one, row) => (one !== undefined && one.end! <= row.end! ? one : row),
      undefined
    )
    return first === undefined ? null : causeOf(first)
  }

  private answer(outcome: string, last: Row | undefined, cause: Told["cause"]): Told {
    const path: Array<string> = []
    for (let row = last; row !== undefined; row = row.after) path.unshift(row.task.name)
    const failed = outcome !== "succeeded" && outcome !== "partial"
    const isVictim = (row: Row) => row.outcome === "cancelled" || row.outcome === "not-started"
    return (this.told = {
      outcome,
      elapsed: this.now,
      cause,
      victims: failed ? this.rows.filter(isVictim).map((row) => row.task.name) : [],
      path,
      sources: this.rows.map((row) => [row.task.name, row.outcome, row.start, row.end] as const)
    })
  }
}

const timeOf = ({ after, ends }: Task) => (ends === "hang" ? Infinity : after)

const endOf = ({ start, task }: Row) => start! + Math.min(timeOf(task), task.limit)

const byIndex = (rows: ReadonlyArray<Row>) => [...rows].sort((a, b) => a.index - b.index)

const causeOf = (row: Row) => {
  const kind = row.own
    ? "limit"
    : row.outcome === "timed-out"
      ? "deadline"
      : row.task.ends === "die"
        ? "defect"
        : "failure"
  return [kind, row.task.name, row.end!] as const
}
