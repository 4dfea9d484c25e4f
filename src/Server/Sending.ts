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
 * The way back to the client of a request. A client that reads nothing for `timeout` milliseconds is let go.
 *
 * @since 0.1.0
 * @category constructors
 */
export const to = (request: HttpServerRequest, timeout: number): Sending => {
  const response = NodeHttpServerRequest.toServerResponse(request)
  const { socket } = response
  let whole = false
  let gone = false
  // It also finishes when its socket is closed in the middle.
  response.once("finish", () => (whole = socket?.destroyed === false)).once("close", () => (gone = !whole))

  // The platform, which leaves alone what is sent already, would wait for ever for some of those who go away.
  const write = ({ body, headers, status }: HttpServerResponse) =>
    Effect.async<void>((resume) => {
      if (response.destroyed || response.writableEnded) return resume(Effect.void)
      response.once("close", () => resume(Effect.void))
      response.writeHead(status, headers)
      response.end(body._tag === "Uint8Array" && request.method !== "HEAD" ? body.body : undefined)
    })

  return {
    gone: () => gone,
    send: (answer) =>
      Effect.gen(function* () {
        socket?.setTimeout(timeout)
        const last = yield* FiberRef.get(HttpApp.currentPreResponseHandlers)
        const whole = Option.isNone(last) ? answer : yield* Effect.orDie(last.value(request, answer))
        if (whole.body._tag !== "Stream") yield* write(whole)
        return whole
      })
  }
}
