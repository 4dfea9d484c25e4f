import * as Undici from "@effect/platform-node/Undici"
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const warmUp = 8_000
const seconds = 35_000
const clients = 48

interface Held {
  readonly heap: number
  readonly sockets: number
  readonly fibers: number
}

const random = (most: number) => Math.floor(Math.random() * most)
const sleep = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))

/** What an upstream does with an id: `slow` takes a while, `fail` fails, `hang` never answers, `big` has much to say. */
const upstream = async () => {
  const open = new Set<object>()
  const server = createServer((request, response) => {
    open.add(response)
    response.on("close", () => open.delete(response))
    const [, of, id = ""] = request.url!.split("/")
    const answer = () =>
      response.end(
        JSON.stringify({ of, id: decodeURIComponent(id), pad: id.startsWith("big") ? "x".repeat(100_000) : "" })
      )
    if (id.startsWith("fail") && of === "orders") response.writeHead(503).end()
    else if (id.startsWith("hang") && of === "orders") return
    else if (id.startsWith("slow")) setTimeout(answer, random(150))
    else answer()
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open,
    close: () => (server.close(), server.closeAllConnections())
  }
}

const started = async (url: string) => {
  const file = fileURLToPath(new URL("Loaded.ts", import.meta.url))
  const child = spawn(process.execPath, ["--expose-gc", "--import", "tsx", file, url], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const read = async <T>() => JSON.parse((await lines.next()).value as string) as T
  const served = await read<{ url: string }>()
  const held = async () => {
    child.stdin.write("now\n")
    return read<Held>()
  }
  return { url: served.url, held, stop: () => (child.kill("SIGTERM"), once(child, "exit")) }
}

const whole = (id: string) => ({
  of: (of: string) => ({ of, id, pad: id.startsWith("big") ? "x".repeat(100_000) : "" })
})

/** One request of a kind; says what is wrong with its answer. */
const kinds = (url: string, agent: Undici.Agent) => {
  const get = async (path: string, headers: Record<string, string> = {}, signal?: AbortSignal) => {
    const { body, statusCode } = await Undici.request(`${url}${path}`, {
      dispatcher: agent,
      headers,
      signal: signal ?? null
    })
    return { status: statusCode, text: await body.text() }
  }
  const expect = (is: boolean, what: string, reply: { status: number; text: string }) =>
    is ? undefined : `${what}: ${reply.status} ${reply.text.slice(0, 200)}`
  const answered = (id: string, reply: { status: number; text: string }) => {
    const { of } = whole(id)
    return expect(
      reply.status === 200 && reply.text === JSON.stringify({ profile: of("profile"), orders: of("orders") }),
      id,
      reply
    )
  }
  const abandoned = async (path: string, headers: Record<string, string> = {}) => {
    const abort = new AbortController()
    setTimeout(() => abort.abort(), random(40))
    await get(path, headers, abort.signal).catch(() => undefined)
    return undefined
  }
  const raw = (bytes: string, millis: number) =>
    new Promise<undefined>((resolve) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.pause().write(bytes))
      socket.on("error", () => {}).on("close", () => resolve(undefined))
      setTimeout(() => socket.destroy(), millis)
    })
  const sse = { accept: "text/event-stream" }
  return {
    fine: async (id: string) => answered(`ok-${id}`, await get(`/users/ok-${id}`)),
    slow: async (id: string) => answered(`slow-${id}`, await get(`/users/slow-${id}`)),
    big: async (id: string) => answered(`big-${id}`, await get(`/users/big-${id}`)),
    failing: async (id: string) => {
      const reply = await get(`/users/fail-${id}`)
      return expect(reply.status === 502 && reply.text.includes('"source":"orders"'), "fail", reply)
    },
    late: async (id: string) => {
      const reply = await get(`/users/hang-${id}`, { "grpc-timeout": "80m" })
      // On a busy machine it may have passed before anything was asked.
      return expect(reply.status === 504 && reply.text.includes("deadline-exceeded"), "late", reply)
    },
    partial: async (id: string) => {
      const reply = await get(`/users/hang-${id}`, { prefer: "handling=lenient", "grpc-timeout": "150m" })
      const some = JSON.stringify({ profile: whole(`hang-${id}`).of("profile"), orders: null })
      return expect(
        reply.text === some || reply.status === 504 || reply.text === '{"profile":null,"orders":null}',
        "partial",
        reply
      )
    },
    streamed: async (id: string) => {
      const reply = await get(`/users/ok-${id}`, sse)
      return expect(reply.text.includes(`"id":"ok-${id}"`) && reply.text.includes("\nid: end\n"), "streamed", reply)
    },
    wrong: async () => {
      const reply = await get(`/users/a%00b`)
      return expect(reply.status === 400, "wrong", reply)
    },
    posted: async (id: string) => {
      const { body, statusCode } = await Undici.request(`${url}/users`, {
        dispatcher: agent,
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(random(2) === 0 ? { id: `ok-${id}` } : { id: "x".repeat(2_000) })
      })
      const reply = { status: statusCode, text: await body.text() }
      return reply.status === 413 ? undefined : answered(`ok-${id}`, reply)
    },
    gone: (id: string) => abandoned(`/users/slow-${id}`),
    goneFromStream: (id: string) => abandoned(`/users/hang-${id}`, sse),
    goneFromHang: (id: string) => abandoned(`/users/hang-${id}`),
    unread: (id: string) => raw(`GET /users/big-${id} HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(5), random(1_500)),
    garbage: () => raw("\u0000\u0001 no HTTP\r\n\r\n", random(50)),
    half: () =>
      raw(
        "POST /users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{",
        random(200)
      )
  }
}

describe("a server under load", () => {
  it("gives no wrong answer and no 5xx that a source did not cause, and holds nothing afterwards", async () => {
    const source = await upstream()
    const { held, stop, url } = await started(source.url)
    const agent = new Undici.Agent({ connections: clients })
    const all = Object.entries(kinds(url, agent))
    const faults: Array<string> = []
    const counts: Record<string, number> = {}
    const load = async (millis: number) => {
      const end = performance.now() + millis
      const client = async () => {
        while (performance.now() < end) {
          const [kind, ask] = all[random(all.length)]!
          const fault = await ask(String(random(1e9))).catch((error: Error) => `${kind}: ${error.message}`)
          counts[kind] = (counts[kind] ?? 0) + 1
          if (fault !== undefined) faults.push(fault)
        }
      }
      await Promise.all(Array.from({ length: clients }, client))
      // Longer than it keeps an idle connection, and than the receipts that it keeps change.
      await sleep(7_000)
      return held()
    }
    const before = await load(warmUp)
    const after = await load(seconds)
    await agent.close()
    await sleep(500)
    const idle = await held()
    const [code] = (await stop()) as [number]
    source.close()

    console.log(JSON.stringify({ counts, before, after, idle }))
    assert.deepStrictEqual(faults.slice(0, 10), [])
    assert(
      Object.values(counts).every((count) => count > 50),
      JSON.stringify(counts)
    )
    assert.isAtMost(after.fibers, before.fibers)
    assert.isBelow(after.heap, before.heap * 1.15 + 3_000_000)
    assert.strictEqual(source.open.size, 0)
    // The upstream's, kept for the next question.
    assert.isAtMost(idle.sockets, after.sockets)
    assert.strictEqual(code, 0)
  }, 180_000)
})
