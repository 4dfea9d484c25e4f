/**
 * One request at a time for each connection, however many a client sends ahead (HTTP pipelining).
 *
 * @since 0.1.0
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Handler } from "./Listener.ts"

/**
 * How many requests may wait on one connection; a client that sends more ahead loses the connection once those are answered. Node
 * reads up to 64 kB ahead, which holds 2,427 of the shortest requests.
 *
 * @since 0.1.0
 * @category models
 */
export const maxWaiting = 100

/**
 * Handles the requests of a connection one after the other: the next one begins when the answer before it has been sent. So a
 * connection holds one place among those in flight, and one answer in memory.
 *
 * From the second waiting request on the connection is not read any more. With fewer it is, since a client that goes away is seen
 * by reading alone.
 *
 * @since 0.1.0
 * @category handlers
 */
export const oneAtATime = (handler: Handler) => {
  const connections = new WeakMap<Socket, Connection>()
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request
    const connection = connections.get(socket)
    if (connection !== undefined) return connection.arrived(request, response)
    const made = new Connection(socket, handler)
    connections.set(socket, made)
    made.arrived(request, response)
  }
}

class Connection {
  private busy = false
  private isFull = false
  private waiting: Array<readonly [IncomingMessage, ServerResponse, arrivedAt: number]> = []

  constructor(
    private readonly socket: Socket,
    private readonly handler: Handler
  ) {
    socket.once("close", () => (this.waiting = []))
  }

  arrived(request: IncomingMessage, response: ServerResponse): void {
    if (!this.busy) return this.handle(request, response, 0)
    if (this.waiting.length === maxWaiting) this.isFull = true
    if (this.isFull) return
    this.waiting.push([request, response, performance.now()])
    // Node resumes the socket once its parser returns, which is after this call.
    if (this.waiting.length === 2) process.nextTick(() => this.waiting.length >= 2 && this.socket.pause())
  }

  private handle(request: IncomingMessage, response: ServerResponse, waited: number): void {
    this.busy = true
    response.once("close", this.ended)
    this.handler(request, response, waited)
  }

  private readonly ended = (): void => {
    this.busy = false
    if (this.socket.destroyed) return
    const next = this.waiting.shift()
    if (next === undefined) {
      if (this.isFull) this.socket.destroySoon()
      return
    }
    if (this.waiting.length < 2) this.socket.resume()
    const [request, response, arrivedAt] = next
    this.handle(request, response, performance.now() - arrivedAt)
  }
}
