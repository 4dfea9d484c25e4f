/** Node's own server. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { asking } from "./Asking.ts"

const ask = asking(process.argv.slice(2))
const server = createServer((request, response) => {
  const gone = new AbortController()
  response.once("close", () => response.writableEnded || gone.abort())
  ask(request.url!.slice("/dashboard/".length), gone.signal).then(
    (answer) => {
      const body = JSON.stringify(answer)
      response
        .writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
        .end(body)
    },
    () => response.writeHead(502).end()
  )
})
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })))
