/**
 * Engines in a process of their own, whose end is no end of this one.
 *
 * @since 0.1.0
 */
import { type ChildProcess, fork } from "node:child_process"
import { createRequire } from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Reply, Request } from "./Child.ts"
import type { Engine, Location, Page, Question, State } from "./Engine.ts"
import { malformed, unavailable } from "./Errors.ts"
import type { Fault } from "../Fault.ts"

/** How long a process may take to say that it closes a connection; then it is ended. In milliseconds. */
const patience = 1_000

/**
 * One process, which is started again when it is needed after its end.
 *
 * @since 0.1.0
 * @category models
 */
export class Remote {
  private current: Running | undefined
  private engines = 0

  /** The process that runs; starts one if none does. */
  running(): Running {
    if (this.current?.isAlive !== true) this.current = new Running()
    return this.current
  }

  /** An engine in the process that runs when it is opened. */
  engine(location: Location): Engine {
    return new RemoteEngine(() => this.running(), ++this.engines, location)
  }

  /** Waits until there is a process that can be asked, or none can be started. */
  async start(): Promise<void> {
    const running = this.running()
    running.hold(true)
    await running.ready
    running.hold(false)
  }

  /** Ends the process, and waits for its end. */
  close(): Promise<void> {
    return this.current?.end() ?? Promise.resolve()
  }
}

class RemoteEngine implements Engine {
  private process: Running | undefined
  private last: State = { isAlive: false, isWorn: false, inTransaction: false }
  private isDestroyed = false

  constructor(
    private readonly running: () => Running,
    private readonly engine: number,
    private readonly location: Location
  ) {}

  get state(): State {
    const isAlive = this.last.isAlive && !this.isDestroyed && this.process?.isAlive === true
    return { ...this.last, isAlive }
  }

  async open(): Promise<void> {
    this.process = this.running()
    await this.send({ method: "open", location: this.location })
  }

  async ask(question: Question): Promise<Page> {
    return (await this.send({ method: "ask", question }))!
  }

  async next(): Promise<Page> {
    return (await this.send({ method: "next" }))!
  }

  async close(): Promise<void> {
    await this.send({ method: "close" })
  }

  interrupt(): void {
    // It comes before whatever is asked next, and so does not hit that.
    this.send({ method: "interrupt" }).catch(() => {})
  }

  destroy(): void {
    if (this.isDestroyed) return
    const { process } = this
    const answer = this.send({ method: "destroy" })
    this.isDestroyed = true
    const timer = setTimeout(() => void process?.end(), patience)
    const done = () => clearTimeout(timer)
    answer.then(done, done)
  }

  private async send(request: Rest<Request>): Promise<Page | undefined> {
    if (this.process === undefined || this.isDestroyed) throw unavailable("the connection was closed")
    const { fault, page, state } = await this.process.send({ ...request, engine: this.engine })
    this.last = state
    if (fault !== undefined) throw fault
    return page
  }
}

/** All but the numbers, of each kind of request. */
type Rest<R extends Request> = R extends Request ? Omit<R, "engine" | "id"> : never
type Unnumbered<R extends Request> = R extends Request ? Omit<R, "id"> : never

/** A process from its start to its end. */
class Running {
  private readonly child: ChildProcess
  private readonly waiting = new Map<number, { ok: (reply: Reply) => void; failed: (fault: Fault) => void }>()
  private readonly ended: Promise<void>
  /** It can be asked; or has ended. */
  readonly ready: Promise<void>
  private requests = 0
  /** The end of what it wrote to its standard error. */
  private said = ""
  isAlive = true

  constructor() {
    this.child = fork(program, [], {
      execArgv: [...loader, "--expose-gc"],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"]
    })
    this.ended = new Promise((resolve) => {
      const end = (error?: Error) => {
        this.end()
        this.lose(error)
        resolve()
      }
      // Behind what it wrote; "error" alone when it could not be started.
      this.child.on("close", () => end())
      this.child.on("error", end)
    })
    this.child.on("exit", () => (this.isAlive = false))
    this.ready = Promise.race([new Promise<void>((resolve) => this.child.once("message", () => resolve())), this.ended])
    this.child.on("message", (reply: Reply | "ready") => (reply === "ready" ? undefined : this.receive(reply)))
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.said = (this.said + text).slice(-4_000)))
    this.child.unref()
    this.hold(false)
  }

  send(request: Unnumbered<Request>): Promise<Reply> {
    if (!this.isAlive) return Promise.reject(this.fault())
    const id = ++this.requests
    if (this.waiting.size === 0) this.hold(true)
    return new Promise((ok, failed) => {
      this.waiting.set(id, { ok, failed })
      // What cannot be sent is answered by the end of the process.
      this.child.send({ ...request, id }, () => {})
    })
  }

  /** Ends it at once. */
  end(): Promise<void> {
    this.isAlive = false
    this.child.ref()
    this.child.kill("SIGKILL")
    return this.ended
  }

  private receive(reply: Reply) {
    const waiting = this.waiting.get(reply.id)
    this.waiting.delete(reply.id)
    if (this.waiting.size === 0) this.hold(false)
    waiting?.ok(reply)
  }

  private lose(error?: Error) {
    const fault = this.fault(error)
    for (const { failed } of this.waiting.values()) failed(fault)
    this.waiting.clear()
  }

  private fault(error?: Error): Fault {
    // So the driver says it. Which of its statements read it, it does not say.
    if (/Utf8Error/.test(this.said)) {
      return malformed(
        "the process of the driver ended at a text that is not UTF-8, which it was asked for, or a name of a column"
      )
    }
    if (/ERR_MODULE_NOT_FOUND|MODULE_NOT_FOUND/.test(this.said)) return unavailable("the driver could not be loaded")
    return unavailable(
      error === undefined ? "the process of the driver ended" : "the process of the driver was not started"
    )
  }

  /** Whether the program must not end before it does. */
  hold(isNeeded: boolean) {
    const channel = this.child.channel
    // The cast: a pipe is a socket, though its type is wider.
    const pipe = this.child.stderr as (NodeJS.ReadableStream & { ref(): void; unref(): void }) | null
    if (isNeeded) channel?.ref()
    else channel?.unref()
    pipe?.unref()
  }
}

/** As this file is: TypeScript in the project itself, which `tsx` has to read, and JavaScript in the package. */
const isSource = import.meta.url.endsWith(".ts")
const program = fileURLToPath(new URL(isSource ? "./Child.ts" : "./Child.js", import.meta.url))
const loader = isSource ? ["--import", pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href] : []
