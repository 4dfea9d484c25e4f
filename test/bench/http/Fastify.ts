/** Fastify; with `bytes` before the origins it passes on what they send. */
import fastify from "fastify"
import type { AddressInfo } from "node:net"
import { parsing, passing } from "./Asking.ts"

const [how, ...origins] = process.argv.slice(2)
const ask = how === "bytes" ? passing(origins) : parsing(origins)
const app = fastify()
app.get<{ Params: { id: string } }>("/dashboard/:id", async (request, reply) => {
  const asking = new AbortController()
  reply.raw.once("close", () => reply.raw.writableEnded || asking.abort())
  try {
    const answer = await ask(request.params.id, asking)
    // What is text already it sends as it is.
    return reply.type("application/json; charset=utf-8").send(answer)
  } catch {
    return reply.code(502).send()
  }
})
await app.listen({ port: 0, host: "127.0.0.1" })
console.log(JSON.stringify({ port: (app.server.address() as AddressInfo).port }))
