/** How an engineer would ask upstreams with undici: a pool for each, a deadline, the rest aborted when one fails. */
import { type Dispatcher, Pool } from "undici"

type Read<A> = (body: Dispatcher.ResponseData["body"]) => Promise<A>

/** Whoever asks may abort, as when the client has gone. */
const all = <A>(origins: ReadonlyArray<string>, read: Read<A>) => {
  const pools = origins.map((origin) => new Pool(origin, { connections: 128, maxResponseSize: 10_000_000 }))
  return async (id: string, asking: AbortController): Promise<ReadonlyArray<A>> => {
    const { signal } = asking
    const timer = setTimeout(() => asking.abort(), 2_000)
    try {
      return await Promise.all(
        pools.map(async (pool) => {
          const { body, statusCode } = await pool.request({ path: `/${id}`, method: "GET", signal })
          if (statusCode === 200) return read(body)
          await body.dump()
          throw new Error(`status ${statusCode}`)
        })
      )
    } catch (error) {
      asking.abort()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Gives the text of the answer. */
export type Ask = (id: string, asking: AbortController) => Promise<string>

/** The values of all, by name. */
export const parsing = (origins: ReadonlyArray<string>) => {
  const ask = all(origins, (body) => body.json())
  return async (id: string, asking: AbortController): Promise<Record<string, unknown>> =>
    Object.fromEntries((await ask(id, asking)).map((value, index) => [`s${index}`, value]))
}

/** What they sent, seen to be JSON and passed on as it is. */
export const passing = (origins: ReadonlyArray<string>): Ask => {
  const ask = all(origins, async (body) => {
    const text = await body.text()
    JSON.parse(text)
    return text
  })
  return async (id, asking) => `{${(await ask(id, asking)).map((text, index) => `"s${index}":${text}`).join()}}`
}
