/** A service that answers at once with about a kilobyte of JSON; with an argument, that share of its answers is a 500. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const failing = Number(process.argv[2] ?? 0)
const body = JSON.stringify({
  id: "42",
  name: "Alice",
  items: Array.from({ length: 18 }, (_, index) => ({
    id: `42-${index}`,
    title: `Item number ${index}`,
    price: 10.5 * index,
    stock: index
  }))
})
const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
let count = 0
const server = createServer((_, response) => {
  count += 1
  // Every hundredth, or tenth, rather than by chance: each variant then sees as many.
  if (failing > 0 && count % Math.round(1 / failing) === 0) response.writeHead(500).end()
  else response.writeHead(200, headers).end(body)
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })))
