/** Node's own server; with `bytes` before the origins it passes on what they send. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { type Ask, parsing, passing } from "./Asking.ts"

const [how, ...origins] = process.argv.slice(2)
const parsed = parsing(origins)
const ask: Ask = how === "bytes" ? passing(origins) : async (id, asking) => JSON.stringify(await parsed(id, asking))
const path = "/dashboard/"
const server = createServer((request, response) => {
  const url = request.url!
  if (request.method !== "GET" || !url.startsWith(path)) return void response.writeHead(404).end()
  const asking = new AbortController()
  response.once("close", () => response.writableEnded || asking.abort())
  ask(url.slice(path.length), asking).then(
    (body) => {
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
      response.writeHead(200, headers).end(body)
    },
    () => response.writeHead(502).end()
  )
})
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })))
