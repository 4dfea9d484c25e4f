/**
 * What `muster batch demo` translates, and the service that does: over real HTTP, on a free port of the loopback.
 *
 * @since 0.1.0
 */
import { Effect, Predicate, type Scope } from "effect"
import * as NodeHttp from "node:http"
import { ServiceNotStarted } from "./Service.ts"

/**
 * How many documents there are.
 *
 * @since 0.1.0
 * @category models
 */
export const count = 1_000

/** The one document of its tenant, whose quota is used up. */
const refused = "doc-617"

const words = ["kettle", "lamp", "atlas", "scarf", "radio"]

/**
 * The documents, one line of JSON each.
 *
 * @since 0.1.0
 * @category getters
 */
export const documents: string = Array.from({ length: count }, (_, n) => {
  const id = `doc-${n + 1}`
  const tenant = id === refused ? "globex" : "acme"
  return `${JSON.stringify({ id, tenant, text: `a ${words[n % words.length]} and ${n + 1} more` })}\n`
}).join("")

/**
 * Starts the service, which takes 20 ms for a document: `POST / {"id", "tenant", "text"}` gives `{"text"}`. With `refuse` it
 * answers the documents of one tenant with 429, to come again in a second. Gives its URL; closing the scope stops it.
 *
 * @since 0.1.0
 * @category services
 */
export const service = (options: { readonly refuse: boolean }): Effect.Effect<string, ServiceNotStarted, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<readonly [string, NodeHttp.Server], ServiceNotStarted>((resume) => {
      const server = NodeHttp.createServer((request, response) => void answer(request, response, options.refuse))
      server.once("error", (error) => resume(new ServiceNotStarted({ service: "translation", reason: error.message })))
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed([`http://127.0.0.1:${port}/translate`, server]))
      })
    }),
    ([, server]) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map(([url]) => url))

const answer = async (request: NodeHttp.IncomingMessage, response: NodeHttp.ServerResponse, refuse: boolean) => {
  const reply = (status: number, body: unknown, headers: NodeHttp.OutgoingHttpHeaders = {}) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
  try {
    const chunks: Array<Uint8Array> = []
    for await (const chunk of request) chunks.push(chunk)
    const document: unknown = JSON.parse(Buffer.concat(chunks).toString())
    if (!Predicate.hasProperty(document, "text") || typeof document.text !== "string") return void reply(400, null)
    const { text } = document
    await new Promise((resolve) => setTimeout(resolve, 20))
    const isRefused = refuse && Predicate.hasProperty(document, "tenant") && document.tenant === "globex"
    if (isRefused) return void reply(429, { error: "the quota of globex is used up" }, { "retry-after": "1" })
    reply(200, { text: translated(text) })
  } catch {
    if (!response.headersSent) reply(400, null)
  }
}

/** Pig Latin, which everybody can check. */
const translated = (text: string) =>
  text.replace(/[a-z]+/g, (word) =>
    /^[aeiou]/.test(word) ? `${word}way` : word.replace(/^([^aeiou]+)(.*)$/, "$2$1ay")
  )
