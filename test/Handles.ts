/**
 * What this process holds open towards a network.
 */
import { Server, Socket } from "node:net"

/** Its connections, those that are being made, and its listeners, in words. */
export const network = (): ReadonlyArray<string> => {
  // The cast: the types leave it out, since it is only there to be looked at.
  const { _getActiveHandles } = process as unknown as { readonly _getActiveHandles: () => ReadonlyArray<unknown> }
  return _getActiveHandles().flatMap((handle) => {
    if (handle instanceof Server) return handle.listening ? [`a listener at ${textOf(handle.address())}`] : []
    // Those that are destroyed stay until they are collected, and pipes have no port.
    if (!(handle instanceof Socket) || handle.destroyed) return []
    if (handle.connecting) return ["a connection that is being made"]
    return handle.remotePort === undefined ? [] : [`a connection from ${handle.localPort} to ${handle.remotePort}`]
  })
}

const textOf = (address: ReturnType<Server["address"]>) =>
  typeof address === "string" ? address : String(address?.port)
