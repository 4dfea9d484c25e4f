/**
 * What a program waits for outside of virtual time.
 *
 * @since 0.1.0
 */
import { AsyncResource, type AsyncHook, createHook, executionAsyncId } from "node:async_hooks"

/** The documented parts of what Node makes for a timer, an immediate or a request. */
interface Resource {
  readonly hasRef?: () => boolean | null
  /** Of timers only: milliseconds. Not documented, and so maybe missing. */
  readonly _idleTimeout?: unknown
}

interface Made {
  readonly type: string
  readonly resource: Resource
  /** Where it was made. Its stack is written when it is read, which takes a hundred times as long as to keep it. */
  readonly where: Error
}

/**
 * Sees real timers, promises and requests of a program that runs step by step.
 *
 * Counting what is active in the process takes 0.1 µs, but does not tell what is the program's: it only raises a suspicion.
 * When it watches, it follows `node:async_hooks` to what the program made, and so can name it.
 *
 * @since 0.1.0
 * @category models
 */
export class Outside {
  /** True when something was active that was not before, the program's or not. Always false when it watches. */
  suspect = false
  private readonly before = process.getActiveResourcesInfo().length
  private readonly watch: Watch | undefined
  private readonly names = new Set<string>()

  constructor(watch: boolean) {
    this.watch = watch ? new Watch() : undefined
  }

  /** Runs a step of the program. */
  run<A>(step: () => A): A {
    return this.watch === undefined ? step() : this.watch.run(step)
  }

  /** Virtual time is about to pass, or the program has ended: what is active now is active outside of it. */
  look(): void {
    if (this.watch === undefined) this.suspect ||= process.getActiveResourcesInfo().length > this.before
    else for (const name of this.watch.active()) this.names.add(name)
  }

  /** The program can go no further: what it waits for may be a promise. */
  lookForPromises(): void {
    for (const name of this.watch?.waiting() ?? []) this.names.add(name)
  }

  get found(): ReadonlyArray<string> {
    return Array.from(this.names)
  }

  close(): void {
    this.watch?.close()
  }
}

class Watch {
  private readonly scope = new AsyncResource("effect-muster/Testkit")
  /** Asynchronous operations of the program, by the id that Node gave them. */
  private readonly own = new Set([this.scope.asyncId()])
  private readonly open = new Map<number, Made>()
  private readonly hook: AsyncHook = createHook({
    init: (id, type, _trigger, resource) => {
      if (!this.own.has(executionAsyncId())) return
      this.own.add(id)
      if (!unwaited.has(type)) this.open.set(id, { type, resource, where: here() })
    },
    destroy: (id) => void this.open.delete(id),
    promiseResolve: (id) => void this.open.delete(id)
  }).enable()

  run<A>(step: () => A): A {
    return this.scope.runInAsyncScope(step)
  }

  /** Timers, requests and what else will happen by itself, in real time. */
  active(): ReadonlyArray<string> {
    return this.made()
      .filter((made) => made.type !== "PROMISE" && !isNever(made) && !isLogging(made))
      .map(named)
  }

  /** All of them: also promises, of which those are named first whose place is known. */
  waiting(): ReadonlyArray<string> {
    const all = this.made().filter((made) => !isLogging(made))
    const known = all.filter((made) => isNever(made) || place(made) !== undefined)
    return Array.from(new Set((known.length > 0 ? known : all).map(named))).slice(0, most)
  }

  close(): void {
    this.hook.disable()
  }

  private made(): ReadonlyArray<Made> {
    // What was cleared has no reference to the event loop any more, and what has none keeps nothing waiting.
    return Array.from(this.open.values()).filter(({ resource }) => resource.hasRef?.() ?? resource.hasRef === undefined)
  }
}

/** Of so many that it may wait for. */
const most = 5

/** Made and done within one turn of the event loop, or to write a log. */
const unwaited = new Set(["TickObject", "Microtask", "WRITEWRAP", "effect-muster/Testkit"])

/** Effect.never holds a timer of the longest time there is, which no program waits for. */
const isNever = ({ resource, type }: Made) => type === "Timeout" && resource._idleTimeout === 2 ** 31 - 1

/** A test runner gathers what is logged, and passes it on a little later. */
const isLogging = (made: Made) => frames(made).some((frame) => frame.includes("node:internal/console/"))

const named = (made: Made): string => {
  const at = place(made)
  const where = at === undefined ? "" : `, made at ${at}`
  if (isNever(made)) return `Effect.never${where}`
  switch (made.type) {
    case "Timeout":
      return `a real timer${where}`
    case "Immediate":
      return `a real setImmediate${where}`
    case "PROMISE":
      return `a real promise${where}`
    default:
      return `a real request (${made.type})${where}`
  }
}

const here = (): Error => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 50
  const error = new Error()
  Error.stackTraceLimit = stackTraceLimit
  return error
}

/** From the innermost on. */
const frames = ({ where }: Made): ReadonlyArray<string> => where.stack?.split("\n").slice(1) ?? []

const room = new URL(".", import.meta.url).pathname

/** The innermost place that is neither of Node, nor of a library, nor of the explorer. */
const place = (made: Made): string | undefined => {
  const frame = frames(made).find((one) => !/node:|node_modules|<anonymous>/.test(one) && !one.includes(room))
  return frame === undefined ? undefined : /([^\s(]+:\d+:\d+)\)?$/.exec(frame)?.[1]?.replace(/^file:\/\//, "")
}
