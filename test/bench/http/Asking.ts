/** How an engineer would ask upstreams with undici: a pool for each, a deadline, the rest aborted when one fails. */
import { Pool } from "undici"

export class Failed extends Error {}

export const asking = (origins: ReadonlyArray<string>) => {
  const pools = origins.map((origin) => new Pool(origin, { connections: 128 }))
  return async (id: string, gone: AbortSignal): Promise<Record<string, unknown>> => {
    const controller = new AbortController()
    const stop = () => controller.abort()
    gone.addEventListener("abort", stop)
    const timer = setTimeout(stop, 2_000)
    try {
      const values = await Promise.all(
        pools.map(async (pool) => {
          const { body, statusCode } = await pool.request({ path: `/${id}`, method: "GET", signal: controller.signal })
          if (statusCode !== 200) {
            await body.dump()
            throw new Failed(`status ${statusCode}`)
          }
          return body.json()
        })
      )
      return Object.fromEntries(values.map((value, index) => [`s${index}`, value]))
    } catch (error) {
      controller.abort()
      throw error
    } finally {
      clearTimeout(timer)
      gone.removeEventListener("abort", stop)
    }
  }
}
