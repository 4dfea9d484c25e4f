/**
 * A server that does what a test wants, in virtual time, and notes what must never happen to it.
 */
import { Deferred, Effect, FiberId } from "effect"
import type { Fault } from "../../../src/Source/Fault.ts"
import * as Faults from "../../../src/Source/Fault.ts"
import type { Driver, Lease } from "../../../src/Source/Pool.ts"

export interface Connection {
  readonly id: number
  state: "new" | "open" | "closed"
  running: { readonly name: string; readonly stop: (fault: Fault) => void; readonly dying: number } | undefined
  /** What was asked over it, in order. */
  readonly asked: Array<string>
  /** Somebody has left a transaction open on it. */
  dirty: boolean
}

/** How the server behaves, in milliseconds; each is read when it matters, so a test may change it. */
export interface Behaviour {
  /** How long a connection takes to open; `Infinity` for never. */
  opening: number
  /** Why it does not open. */
  refusal: Fault | undefined
  /** How long a cancel takes to arrive, and then to be over. */
  cancel: readonly [arrives: number, over: number]
  cancelFails: boolean
  /** How long a parting takes. */
  parting: number
}

export interface Query {
  readonly name: string
  /** How long it runs. */
  readonly millis: number
  /** How long it takes to stop once it is told; `Infinity` when it does not. */
  readonly dying?: number
}

export const make = (given: Partial<Behaviour> = {}) => {
  const behaviour: Behaviour = {
    opening: 0,
    refusal: undefined,
    cancel: [1, 1],
    cancelFails: false,
    parting: 0,
    ...given
  }
  const connections: Array<Connection> = []
  /** What must never happen. */
  const wrong: Array<string> = []
  const log: Array<string> = []
  const sent: Array<string> = []
  const lost = Faults.unavailable("lost")

  const driver: Driver<Connection> = {
    name: "scripted at nowhere",
    make: () => {
      const connection: Connection = {
        id: connections.length,
        state: "new",
        running: undefined,
        asked: [],
        dirty: false
      }
      connections.push(connection)
      return connection
    },
    open: (connection) =>
      Effect.flatMap(Effect.sleep(behaviour.opening), () => {
        if (behaviour.refusal !== undefined) return Effect.fail(behaviour.refusal)
        connection.state = "open"
        return Effect.void
      }),
    alive: (connection) => connection.state !== "closed",
    cancel: (connection) =>
      Effect.gen(function* () {
        const [arrives, over] = behaviour.cancel
        yield* Effect.sleep(arrives)
        log.push(`cancel ${connection.id}`)
        const { running } = connection
        if (running !== undefined && running.dying < Infinity)
          yield* Effect.forkDaemon(
            Effect.map(Effect.sleep(running.dying), () => {
              // What runs when the cancel arrives is hit, whatever it was meant for; once it has ended, nothing else is.
              if (connection.running === running) running.stop(Faults.unavailable("cancelled"))
            })
          )
        yield* Effect.sleep(over)
        if (behaviour.cancelFails) return yield* Effect.fail("no cancel came through")
      }),
    destroy: (connection) => {
      if (connection.state === "closed") return
      log.push(`destroy ${connection.id}`)
      connection.state = "closed"
      connection.running?.stop(lost)
    },
    close: (connection) =>
      Effect.map(Effect.sleep(behaviour.parting), () => {
        log.push(`close ${connection.id}`)
      }),
    unfinished: (connection) => (connection.dirty ? exchange(connection, { name: "rollback", millis: 1 }) : undefined)
  }

  const exchange = (connection: Connection, { dying = 1, millis, name }: Query): Effect.Effect<string, Fault> =>
    Effect.suspend(() => {
      if (connection.running !== undefined)
        wrong.push(`${name} was sent while ${connection.running.name} ran on ${connection.id}`)
      if (connection.state === "new") wrong.push(`${name} was sent over ${connection.id}, which is not open`)
      // It was lost in the instant in which it was asked.
      if (connection.state === "closed") return Effect.fail(lost)
      const stopped = Deferred.unsafeMake<never, Fault>(FiberId.none)
      connection.running = { name, dying, stop: (fault) => Deferred.unsafeDone(stopped, Effect.fail(fault)) }
      connection.asked.push(name)
      sent.push(name)
      if (name === "begin") connection.dirty = true
      if (name === "commit" || name === "rollback") connection.dirty = false
      return Effect.raceFirst(Effect.as(Effect.sleep(millis), name), Deferred.await(stopped)).pipe(
        Effect.ensuring(Effect.sync(() => (connection.running = undefined)))
      )
    })

  return {
    behaviour,
    driver,
    connections,
    wrong,
    log,
    sent,
    exchange,
    ask: (lease: Lease<Connection>, query: Query) => lease.ask(exchange(lease.connection, query)),
    open: () => connections.filter(({ state }) => state === "open").length
  }
}
