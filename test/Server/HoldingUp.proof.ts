/** A served process against clients that take more than their share: how much memory it takes, and whether others are answered. */
import { assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
const sleep = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))
const big = JSON.stringify("x".repeat(9_900_000))

/** An upstream that answers `/ok` at once, `/big` with 10 MB, and `/hang` never. */
const upstream = async () => {
  const server = createServer((request, response) => {
    if (request.url!.startsWith("/hang")) return
    response.setHeader("content-type", "application/json")
    response.end(request.url!.startsWith("/big") ? big : `{"ok":true}`)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

interface Served {
  readonly port: number
  readonly child: ChildProcess
  readonly rss: () => number
}

/** `muster serve` with these flags, ended with the test. */
const serving = async (flags: ReadonlyArray<string>, test: (served: Served) => Promise<void>) => {
  const folder = mkdtempSync(join(tmpdir(), "muster-"))
  const { server, url } = await upstream()
  const file = join(folder, "muster.yaml")
  const endpoint = (path: string) => `  ${path}: { deadline: 8s, sources: { a: { ask: up, get: "/${path}" } } }`
  // More than the buffers of the kernel hold.
  const huge = `  huge: { sources: { ${["a", "b", "c", "d"].map((name) => `${name}: { ask: up, get: "/big" }`).join(", ")} } }`
  const posted = `  posted: { method: POST, input: { id: string }, sources: { a: { ask: up, get: "/ok" } } }`
  writeFileSync(
    file,
    `services: { up: { http: "${url}" } }\nendpoints:\n${["ok", "big", "hang"].map(endpoint).join("\n")}\n${huge}\n${posted}\n`
  )
  const args = ["--import", "tsx", main, "serve", "--port", "0", "--config", file, ...flags]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] })
  try {
    let said = ""
    child.stderr!.on("data", (data) => (said += data))
    while (!/"url":"http:[^"]*:(\d+)"/.test(said)) await sleep(20)
    const port = Number(/"url":"http:[^"]*:(\d+)"/.exec(said)![1])
    const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))![1]) / 1_000
    await test({ port, child, rss })
    assert.isNull(child.exitCode, said.slice(-2_000))
  } finally {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL")
      await once(child, "exit")
    }
    server.close()
    server.closeAllConnections()
    rmSync(folder, { recursive: true })
  }
}

const opened = async (port: number, text: string): Promise<Socket> => {
  const socket = connect(port, "127.0.0.1").on("error", () => {})
  await once(socket, "connect")
  socket.pause()
  socket.write(text)
  return socket
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`

/** The statuses of some requests, one after the other, with a connection for each. */
const statuses = async (port: number, count: number) => {
  const seen: Array<number> = []
  for (let n = 0; n < count; n++) {
    const response = await fetch(`http://127.0.0.1:${port}/ok`, { headers: { connection: "close" } })
    await response.text()
    seen.push(response.status)
  }
  return seen
}

const closed = (sockets: ReadonlyArray<Socket>) => sockets.forEach((socket) => socket.destroy())

describe("muster serve holds up", () => {
  it("clients that ask for 10 MB and read nothing hold their places, and no more memory than those", () =>
    serving(["--max-in-flight", "10", "--write-timeout", "60s"], async ({ port, rss }) => {
      const sockets: Array<Socket> = []
      let most = 0
      for (let n = 0; n < 40; n++) {
        sockets.push(await opened(port, get("/big")))
        await sleep(50)
        most = Math.max(most, rss())
      }
      // 120 MB the process by itself; ten answers of 10 MB, each at most four times for a moment.
      assert.isBelow(most, 600)
      assert.deepStrictEqual(new Set(await statuses(port, 5)), new Set([503]))
      closed(sockets)
      while ((await statuses(port, 1))[0] !== 200) await sleep(20)
    }))

  it("answers beyond the memory for them are refused, and memory is free again with the clients", () =>
    serving(["--max-buffered", "50MB", "--write-timeout", "60s"], async ({ port, rss }) => {
      const sockets: Array<Socket> = []
      let most = 0
      for (let n = 0; n < 60; n++) {
        sockets.push(await opened(port, get("/big")))
        await sleep(30)
        most = Math.max(most, rss())
      }
      assert.isBelow(most, 600)
      closed(sockets)
      while ((await statuses(port, 1))[0] !== 200) await sleep(20)
      const response = await fetch(`http://127.0.0.1:${port}/big`)
      assert.strictEqual((await response.text()).length, `{"a":${big}}`.length)
    }))

  it("a client that reads a little now and then is let go", () =>
    serving(["--write-timeout", "1s", "--min-read-rate", "200000"], async ({ port }) => {
      const socket = await opened(port, get("/huge"))
      const drip = setInterval(() => socket.read(2_000), 100)
      const began = performance.now()
      while (!socket.destroyed && performance.now() - began < 20_000) {
        await sleep(100)
        // What the kernel has taken is read here; the end is only seen at its end.
        if (performance.now() - began > 4_000) socket.resume()
      }
      clearInterval(drip)
      assert.isTrue(socket.destroyed)
      assert.isBelow(socket.bytesRead, 4 * big.length)
    }))

  it("1,000 requests sent ahead on one connection take one place, and others are answered", () =>
    serving(["--max-in-flight", "20"], async ({ port, rss }) => {
      const socket = await opened(port, get("/hang").repeat(1_000))
      assert.deepStrictEqual(new Set(await statuses(port, 100)), new Set([200]))
      socket.destroy()
      const other = await opened(port, get("/hang") + get("/big").repeat(60))
      await sleep(3_000)
      assert.isBelow(rss(), 400)
      assert.deepStrictEqual(new Set(await statuses(port, 20)), new Set([200]))
      other.destroy()
    }))

  it("requests whose bodies do not come hold no place", () =>
    serving(["--max-in-flight", "20"], async ({ port }) => {
      const half = "POST /posted HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
      const sockets: Array<Socket> = []
      for (let n = 0; n < 500; n++) sockets.push(await opened(port, half))
      assert.deepStrictEqual(new Set(await statuses(port, 50)), new Set([200]))
      closed(sockets)
    }))

  it("an address has as many connections as it may have", () =>
    serving(["--max-connections-per-client", "5"], async ({ port }) => {
      const sockets: Array<Socket> = []
      for (let n = 0; n < 8; n++) sockets.push(await opened(port, ""))
      sockets.forEach((socket) => socket.resume())
      while (sockets.filter(({ destroyed }) => destroyed).length < 3) await sleep(20)
      assert.strictEqual(sockets.filter(({ destroyed }) => destroyed).length, 3)
      closed(sockets)
      await sleep(100)
      assert.deepStrictEqual(
        await statuses(port, 10),
        Array.from({ length: 10 }, () => 200)
      )
    }))
})
