/**
 * Sends answers, and knows whether they arrived.
 *
 * @since 0.1.0
 */
import * as HttpApp from "@effect/platform/HttpApp"
import type { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import type { HttpServerResponse } from "@effect/platform/HttpServerResponse"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect, FiberRef, Option } from "effect"

/**
 * The way back to one client.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sending {
  /** Whether the client went away before all of its answer had left. */
  readonly gone: () => boolean
  /**
   * Sends an answer, and returns when it has left or nobody is there to read it. One that is a stream is left to the
   * platform.
   */
  readonly send: (response: HttpServerResponse) => Effect.Effect<HttpServerResponse>
}

/**
 * The way back to the client of a request. A client that reads nothing for `timeout` milliseconds is let go. `lost` is
 * called when it goes away before all of its answer has left.
 *
 * @since 0.1.0
 * @category constructors
 */
export const to = (request: HttpServerRequest, timeout: number, lost: () => void): Sending => {
  const response = NodeHttpServerRequest.toServerResponse(request)
  const { socket } = NodeHttpServerRequest.toIncomingMessage(request)
  let gone = false
  const waiting = new Set<() => void>()
  const end = () => waiting.forEach((wake) => wake())
  // Of the connection: a response that waits for the one before it, on a connection with several, hears of nothing.
  const closed = () => {
    gone = true
    lost()
    end()
  }
  socket.once("close", closed)
  response.once("finish", () => {
    socket.off("close", closed)
    // It also finishes when its connection is closed in the middle.
    gone ||= socket.destroyed
    end()
  })

  // The platform, which leaves alone what is sent already, would wait for ever for some of those who go away.
  const write = ({ body, headers, status }: HttpServerResponse) =>
    Effect.async<void>((resume) => {
      if (gone || response.writableEnded) return resume(Effect.void)
      waiting.add(() => resume(Effect.void))
      response.writeHead(status, headers)
      response.end(body._tag === "Uint8Array" && request.method !== "HEAD" ? body.body : undefined)
    })

  return {
    gone: () => gone,
    send: (answer) =>
      Effect.gen(function* () {
        response.socket?.setTimeout(timeout)
        const last = yield* FiberRef.get(HttpApp.currentPreResponseHandlers)
        const whole = Option.isNone(last) ? answer : yield* Effect.orDie(last.value(request, answer))
        if (whole.body._tag !== "Stream") yield* write(whole)
        return whole
      })
  }
}
