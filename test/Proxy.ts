/**
 * A TCP proxy that can do to a connection what a network does: delay it, freeze it, cut it, refuse it.
 */
import { Effect, type Scope } from "effect"
import { connect, createServer, type Server, type Socket } from "node:net"
import { setTimeout as delay } from "node:timers/promises"

export interface Proxy {
  readonly port: number
  /** The same URL, but through the proxy. */
  readonly through: (url: string) => string
  /** Connections that are open from the client's side now. */
  readonly open: () => number
  /** Connections that were ever made. */
  readonly accepted: () => number
  /** Holds every piece of data back for so many milliseconds, in both directions. */
  readonly delay: (millis: number) => Effect.Effect<void>
  /** Nothing goes through any more in either direction, nor that a side has hung up: a cable was pulled. New connections are made, and get no answer. */
  readonly freeze: Effect.Effect<void>
  /** Resets every connection; new ones go through. */
  readonly cut: Effect.Effect<void>
  /** New connections are refused; those that are there go on. */
  readonly refuse: Effect.Effect<void>
  /** As at the beginning: what was held back arrives. */
  readonly heal: Effect.Effect<void>
}

/** Whether things go through; who comes while they do not waits. */
const makeGate = () => {
  let opened: Promise<void> | undefined
  let open = () => {}
  return {
    close: () => {
      opened ??= new Promise((resolve) => (open = resolve))
    },
    open: () => {
      opened = undefined
      open()
    },
    passed: async () => {
      while (opened !== undefined) await opened
    }
  }
}

/**
 * Connections that wait to be accepted. Node accepts one in each turn of the event loop, and of a thousand that are made and
 * closed within a second more than its 511 may wait: the system then says nothing to the next, whose client tries again after
 * a second.
 */
export const backlog = 4_096

const listen = (server: Server, port: number) =>
  Effect.async<void>((resume) => {
    server.once("error", (error) => resume(Effect.die(error)))
    server.listen({ port, host: "127.0.0.1", backlog }, () => resume(Effect.void))
  })

/** Stands between a client and the server at `target`, for as long as its scope. */
export const make = (target: string): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { hostname, port: targetPort } = new URL(target)
    const gate = makeGate()
    const pairs = new Map<Socket, Socket>()
    let millis = 0
    let accepted = 0

    // In the order in which they came, the end of the stream as the last.
    const pump = async (from: Socket, to: Socket) => {
      try {
        // Left to itself, the loop would close the socket at the end of what it reads, and what is still to be written is lost.
        for await (const chunk of from.iterator({ destroyOnReturn: false })) {
          if (millis > 0) await delay(millis)
          await gate.passed()
          if (!to.write(chunk as Buffer))
            await new Promise((resolve) => to.once("drain", resolve).once("close", resolve))
        }
        await gate.passed()
        to.end()
      } catch {
        await gate.passed()
        to.resetAndDestroy()
      }
    }

    const server = createServer({ allowHalfOpen: true, noDelay: true }, async (client) => {
      accepted += 1
      client.on("error", () => {})
      await gate.passed()
      const upstream = connect({ host: hostname, port: Number(targetPort), allowHalfOpen: true, noDelay: true })
      pairs.set(client, upstream)
      client.once("close", () => pairs.delete(client))
      // An error is also the end of the pump that reads from the socket.
      upstream.on("error", () => {})
      void pump(client, upstream)
      void pump(upstream, client)
    })
    const cut = () => {
      for (const [client, upstream] of pairs) {
        client.resetAndDestroy()
        upstream.resetAndDestroy()
      }
    }
    yield* listen(server, 0)
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        server.close()
        cut()
        gate.open()
      })
    )
    return {
      port,
      through: (url) => {
        const changed = new URL(url)
        changed.host = `127.0.0.1:${port}`
        return changed.toString()
      },
      open: () => pairs.size,
      accepted: () => accepted,
      delay: (by) => Effect.sync(() => void (millis = by)),
      freeze: Effect.sync(gate.close),
      cut: Effect.sync(cut),
      // Its open connections keep a closed server from being closed, not from listening anew.
      refuse: Effect.sync(() => void (server.listening && server.close())),
      heal: Effect.suspend(() => {
        millis = 0
        gate.open()
        return server.listening ? Effect.void : listen(server, port)
      })
    }
  })
