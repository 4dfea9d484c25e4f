/**
 * `100 Continue` of a server that was not asked for it: it may come before any answer, and is read over (RFC 9110, 15.2).
 *
 * @since 0.1.0
 */
import type { Socket } from "node:net"

/**
 * How far a connection is with the answer to the request that it carries.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  /** True from when the request is sent until its answer begins, other than with a `100 Continue`. */
  awaitsAnswer: boolean
  /** True once anything has come back. */
  hasBytes: boolean
}

/**
 * Takes each `100 Continue` out of what is read from a socket while an answer is awaited: undici closes the connection at one.
 * It reads over the other informational answers (102, 103) by itself.
 *
 * @since 0.1.0
 * @category running
 */
export const skipContinue = (socket: Socket, progress: Progress): void => {
  const read = socket.read.bind(socket)
  let held: Buffer | undefined
  socket.read = (size?: number): unknown => {
    const chunk: unknown = read(size)
    if (!progress.awaitsAnswer || !Buffer.isBuffer(chunk)) return chunk
    progress.hasBytes = true
    const rest = held === undefined && isAnswer(chunk) ? chunk : afterContinue(Buffer.concat([held ?? noBytes, chunk]))
    progress.awaitsAnswer = mayBeContinue(rest)
    held = progress.awaitsAnswer ? rest : undefined
    return held === undefined ? rest : null
  }
}

const noBytes = Buffer.alloc(0)

const start = "HTTP/1.1 100"

/** As many bytes as Node allows all headers of a message together. */
const maxHead = 16_384

/** Its status is none of 1xx, which the tenth byte of `HTTP/1.1 200` says: most are told by it alone. */
const isAnswer = (bytes: Buffer): boolean => bytes.length >= start.length && bytes[9] !== 0x31

const afterContinue = (bytes: Buffer): Buffer => {
  if (bytes.toString("latin1", 0, start.length) !== start) return bytes
  const end = bytes.indexOf("\r\n\r\n")
  return end < 0 ? bytes : afterContinue(bytes.subarray(end + 4))
}

/** Whether the rest of a `100 Continue` may still be on its way. */
const mayBeContinue = (bytes: Buffer): boolean =>
  !isAnswer(bytes) && bytes.length < maxHead && start.startsWith(bytes.toString("latin1", 0, start.length))
