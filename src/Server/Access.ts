/**
 * What stands around every request, whatever it asks for: it is counted, logged, tracked, and refused while the server
 * drains.
 *
 * @since 0.1.0
 */
import { Cause, type Clock, Context, Exit, type Fiber, FiberId, LogLevel } from "effect"
import type { ServerResponse } from "node:http"
import type { Write } from "../Receipt/Lines.ts"
import type * as Memory from "../Memory.ts"
import type { Drain, Tracked } from "./Drain.ts"
import { type Answer, type App, Exchange, logBug } from "./Exchange.ts"
import type { Fork } from "./Forking.ts"
import type { Handler } from "./Listener.ts"
import type { LoopDelay } from "./LoopDelay.ts"
import * as Metrics from "./Metrics.ts"
import * as Problem from "./Problem.ts"
import { isStreamed, lengthOf, type Reply } from "./Reply.ts"
import { type Patience, Sending } from "./Sending.ts"

/**
 * What every request is subject to.
 *
 * @since 0.1.0
 * @category models
 */
export interface AccessOptions {
  readonly clock: Clock.Clock
  readonly fork: Fork
  readonly drain: Drain
  readonly loop: LoopDelay
  readonly memory: Memory.Budget
  /** Writes a line for each request; without it, none is written. */
  readonly write: Write | undefined
  /** How long a client may take to read its answer before it is let go. */
  readonly patience: Patience
  /** Paths that are answered at all times, and not logged: the probes. */
  readonly probes: ReadonlySet<string>
}

/**
 * An application with all that. Whatever happens there is a reply, unless nobody is left to read it.
 *
 * By plain calls: as effects on the platform's server, a request to two services cost nearly twice as much in all.
 *
 * @since 0.1.0
 * @category handlers
 */
export const controlled =
  (app: App, options: AccessOptions): Handler =>
  (request, response, waited) => {
    const { clock, loop, memory } = options
    new Visit(new Exchange(request, clock, memory, waited + loop.late()), response, options).begin(app)
  }

const overloaded = Problem.respond(Problem.later("overloaded", "The memory for requests and answers is used up", 1_000))

const draining = Problem.respond(Problem.draining)

/** One request on its way through. */
class Visit implements Tracked {
  place: number | undefined = undefined
  private readonly probe: boolean
  private readonly sending: Sending
  /** What is being done for it. */
  private fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined = undefined
  /** Cancels what is being done for it without a fiber. */
  private cancel: (() => void) | undefined = undefined
  private isOver = false

  constructor(
    private readonly exchange: Exchange,
    response: ServerResponse,
    private readonly options: AccessOptions
  ) {
    this.probe = options.probes.has(exchange.path)
    this.sending = new Sending(exchange.message, response, options.patience, () => this.over())
    options.drain.track(this)
  }

  begin(app: App): void {
    const { drain } = this.options
    if (drain.phase() !== "open" && !this.probe) return this.send(draining)
    const answer = this.ask(app)
    if (typeof answer === "function") return this.call(answer)
    if ("body" in answer) return this.answered(Exit.succeed(answer))
    this.fiber = answer
    const ended = (exit: Exit.Exit<Reply>) => {
      this.fiber = undefined
      // The fiber lasts longer than this is wanted: see `forget` of `Exchange`.
      answer.removeObserver(ended)
      this.answered(exit)
    }
    answer.addObserver(ended)
  }

  private call(begin: (done: (exit: Exit.Exit<Reply>) => void) => () => void): void {
    let isAnswered = false
    const cancel = begin((exit) => {
      isAnswered = true
      this.cancel = undefined
      this.answered(exit)
    })
    if (!isAnswered) this.cancel = cancel
  }

  stop(): void {
    if (this.exchange.close !== undefined) this.exchange.close()
    else this.interrupt()
  }

  private ask(app: App): Answer {
    try {
      return app(this.exchange)
    } catch (error) {
      return this.died(Cause.die(error))
    }
  }

  private answered(exit: Exit.Exit<Reply>): void {
    this.exchange.replied(exit)
    if (this.isOver) return this.end()
    if (exit._tag === "Success") return this.send(exit.value)
    this.send(this.options.drain.phase() === "cut" ? draining : this.died(exit.cause))
  }

  private died(cause: Cause.Cause<unknown>): Reply {
    this.options.fork(logBug(this.exchange, cause), Context.empty())
    return Problem.respond(Problem.bug(this.exchange.receipt, cause))
  }

  private send(given: Reply): void {
    const { exchange, sending } = this
    // What was read to make it is not needed any more. Probes are answered at all times.
    const fits = this.probe || isStreamed(given) || exchange.memory.replace(lengthOf(given.body) ?? 0)
    const reply = fits ? given : overloaded
    const { drain, fork } = this.options
    exchange.status = reply.status
    exchange.answered = exchange.elapsed()
    sending.send(reply, {
      ...exchange.shared,
      "x-request-id": exchange.id,
      "x-content-type-options": "nosniff",
      connection: drain.phase() === "open" ? undefined : "close"
    })
    if (!isStreamed(reply) || exchange.method === "HEAD") return
    this.fiber = fork(sending.writing(reply.body), Context.empty())
    this.fiber.addObserver((exit) => {
      this.fiber = undefined
      if (exit._tag === "Failure" && !Cause.isInterruptedOnly(exit.cause))
        fork(logBug(exchange, exit.cause), Context.empty())
      if (this.isOver) this.end()
    })
  }

  private interrupt(): void {
    this.fiber?.unsafeInterruptAsFork(FiberId.none)
    const { cancel } = this
    if (cancel === undefined) return
    this.cancel = undefined
    cancel()
    this.answered(Exit.interrupt(FiberId.none))
  }

  /** All of the answer has left, or there is nobody to read it: then whatever is being done for it comes to its end first. */
  private over(): void {
    // It also finishes when it is closed in the middle.
    if (this.isOver) return
    this.isOver = true
    if (this.fiber === undefined && this.cancel === undefined) this.end()
    else this.interrupt()
  }

  private end(): void {
    const { exchange, options, probe, sending } = this
    if (sending.gone) exchange.status = 499
    exchange.leave()
    exchange.memory.close()
    options.drain.untrack(this)
    Metrics.record(exchange)
    if (options.write !== undefined && !probe) line(exchange, options.write)
    exchange.forget()
  }
}

/** A line of the access log. */
const line = (exchange: Exchange, write: Write): void => {
  const { answered, client, id, key, method, path, recorder, route, status, traceId } = exchange
  const sent = exchange.elapsed()
  const short = path.slice(0, 500)
  write(status >= 500 ? LogLevel.Warning : LogLevel.Info, `${method} ${short} ${status}`, {
    method,
    path: short,
    route,
    status,
    duration: rounded(answered ?? sent),
    sent: rounded(sent),
    complete: recorder === undefined ? undefined : recorder.ending === "succeeded",
    receipt: recorder?.id,
    key,
    client,
    request: id,
    traceId
  })
}

const rounded = (millis: number) => Math.round(millis * 1_000) / 1_000
