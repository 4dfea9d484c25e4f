import fastify from "fastify"
import type { AddressInfo } from "node:net"
import { asking } from "./Asking.ts"

const ask = asking(process.argv.slice(2))
const app = fastify()
app.get<{ Params: { id: string } }>("/dashboard/:id", async (request, reply) => {
  const gone = new AbortController()
  reply.raw.once("close", () => reply.raw.writableEnded || gone.abort())
  try {
    return await ask(request.params.id, gone.signal)
  } catch {
    return reply.code(502).send()
  }
})
await app.listen({ port: 0, host: "127.0.0.1" })
console.log(JSON.stringify({ port: (app.server.address() as AddressInfo).port }))
