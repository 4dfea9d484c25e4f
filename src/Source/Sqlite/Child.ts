/**
 * The process in which the driver of a source runs: a text that is not UTF-8, where a statement could not be told to give its
 * bytes, ends the process that reads it.
 *
 * It does what `Remote.ts` asks over the channel between them, and ends with that.
 *
 * @since 0.1.0
 */
import { LocalEngine, type Location, type Page, type Question, type State } from "./Engine.ts"
import { faultOf } from "./Errors.ts"
import { connect } from "./Libsql.ts"
import type { Fault } from "../Fault.ts"

/**
 * What is asked of an engine, by its number. The first is `open`, and none comes after `destroy`.
 *
 * @since 0.1.0
 * @category models
 */
export type Request = { readonly engine: number; readonly id: number } & (
  | { readonly method: "open"; readonly location: Location }
  | { readonly method: "ask"; readonly question: Question }
  | { readonly method: "next" | "close" | "interrupt" | "destroy" }
)

/**
 * The answer to the request of this id.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  readonly id: number
  readonly state: State
  readonly page?: Page | undefined
  readonly fault?: Fault
}

const engines = new Map<number, LocalEngine>()

const engineOf = (request: Request): LocalEngine => {
  const made = engines.get(request.engine)
  if (made !== undefined) return made
  if (request.method !== "open") throw new Error(`there is no engine ${request.engine}`)
  const engine = new LocalEngine(connect, request.location)
  engines.set(request.engine, engine)
  return engine
}

const run = async (engine: LocalEngine, request: Request): Promise<Page | undefined> => {
  switch (request.method) {
    case "open":
      await engine.open()
      return undefined
    case "ask":
      return engine.ask(request.question)
    case "next":
      return engine.next()
    case "close":
      await engine.close()
      return undefined
    case "interrupt":
      engine.interrupt()
      return undefined
    case "destroy":
      engines.delete(request.engine)
      engine.destroy()
      // The driver closes a connection once its statements are collected.
      setImmediate(() => globalThis.gc?.())
      return undefined
  }
}

// A reply that can no longer be sent is not missed.
const reply = (message: Reply) => process.send?.(message, undefined, undefined, () => {})

process.on("message", (request: Request) => {
  const engine = engineOf(request)
  run(engine, request).then(
    (page) => reply({ id: request.id, state: engine.state, page }),
    (error: unknown) => reply({ id: request.id, state: engine.state, fault: faultOf(error) })
  )
})

// At once, also in the middle of a statement: the database is whole without a farewell.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))

// Those go to all processes of a terminal or a service; when this one ends, its parent decides.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})

process.send?.("ready")
