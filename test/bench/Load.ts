/** Asks a server again and again over 32 connections, and says what that cost it. */
import autocannon from "autocannon"
import { isDeepStrictEqual } from "node:util"
import { cpuOf, rssOf, type Running } from "./Servers/Process.ts"

export const connections = 32

const url = ({ port }: Running) => `http://127.0.0.1:${port}/dashboard/42`

/** Sees that it gives what all upstreams give, by name. */
export const check = async (name: string, server: Running, upstream: Running, upstreams: number): Promise<void> => {
  const one: unknown = await (await fetch(`http://127.0.0.1:${upstream.port}/42`)).json()
  const wanted = Object.fromEntries(Array.from({ length: upstreams }, (_, index) => [`s${index}`, one]))
  const got: unknown = await (await fetch(url(server))).json()
  if (!isDeepStrictEqual(got, wanted)) throw new Error(`${name} answers ${JSON.stringify(got)}`)
}

/** Asks until it is warm, each as often; how many requests it then answers in a second. */
export const warm = async (server: Running): Promise<number> => {
  await load(server, 1_000)
  return Math.max(connections, Math.round((await load(server, 1_000)).perSecond))
}

/** What a round came to: microseconds of CPU for a request, requests in a second, milliseconds, MiB, a share. */
export interface Load {
  readonly cpu: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly rss: number
  readonly failed: number
}

/** So many requests, all of them to their end: what is cut off would have cost and not count. */
export const load = (server: Running, amount: number): Promise<Load> =>
  new Promise((resolve, reject) => {
    const before = cpuOf(server.pid)
    const start = performance.now()
    let last = start
    const asking = autocannon({ url: url(server), connections, amount }, (error: unknown, result) => {
      if (error !== null && error !== undefined) return reject(error)
      const { latency, non2xx, requests } = result
      resolve({
        cpu: (cpuOf(server.pid) - before) / requests.total,
        perSecond: (requests.total * 1_000) / (last - start),
        p50: latency.p50,
        p99: latency.p99,
        rss: rssOf(server.pid),
        failed: non2xx / requests.total
      })
    })
    asking.on("response", () => (last = performance.now()))
  })
