/** How others would ask many sources at once, written as a good engineer would write it. */
import { TimeoutStrategy, timeout } from "cockatiel"
import { Effect } from "effect"
import pLimit from "p-limit"
import pMap from "p-map"
import { setMaxListeners } from "node:events"

export type Ask = (signal: AbortSignal) => Promise<number>
export type Asks = Readonly<Record<string, Ask>>

const deadline = 10_000

/** Promise.all with one AbortController and one timer: no names, no times, no cleanup is waited for. */
export const promiseAll = async (asks: Asks) => {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error("deadline")), deadline)
  try {
    return await Promise.all(Object.values(asks).map((ask) => ask(controller.signal)))
  } catch (error) {
    controller.abort(error)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** How the end of one reaches the others. */
interface Fate {
  readonly share: (own: AbortController) => () => void
  readonly abort: (reason: unknown) => void
}

/** As it is mostly written. A signal looks through its listeners for each that comes or goes: that is O(n²). */
export const oneSignal = (): Fate => {
  const controller = new AbortController()
  const { signal } = controller
  setMaxListeners(0, signal)
  return {
    share: (own) => {
      const stop = () => own.abort(signal.reason)
      signal.addEventListener("abort", stop, { once: true })
      return () => signal.removeEventListener("abort", stop)
    },
    abort: (reason) => controller.abort(reason)
  }
}

/** As one writes it who has been bitten by that. */
export const setOfControllers = (): Fate => {
  const all = new Set<AbortController>()
  return {
    share: (own) => {
      all.add(own)
      return () => void all.delete(own)
    },
    abort: (reason) => all.forEach((own) => own.abort(reason))
  }
}

/** The same with what an aggregation needs: names, a limit for each source, times, the first failure, cancellation. */
export const handWritten = async (asks: Asks, fate: Fate = oneSignal()) => {
  const started = performance.now()
  const times: Record<string, { start: number; end: number; outcome: string }> = {}
  const one = async (name: string, ask: Ask) => {
    const own = new AbortController()
    const leave = fate.share(own)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new Error(`${name} was late`)
        own.abort(error)
        reject(error)
      }, deadline)
    })
    const start = performance.now() - started
    try {
      const value = await Promise.race([ask(own.signal), late])
      times[name] = { start, end: performance.now() - started, outcome: "succeeded" }
      return [name, value] as const
    } catch (error) {
      times[name] = { start, end: performance.now() - started, outcome: "failed" }
      throw new Error(`${name} failed`, { cause: error })
    } finally {
      clearTimeout(timer)
      leave()
    }
  }
  try {
    const values = await Promise.all(Object.entries(asks).map(([name, ask]) => one(name, ask)))
    return { values: Object.fromEntries(values), times }
  } catch (error) {
    fate.abort(error)
    throw error
  }
}

export const viaPMap = (asks: Asks) => {
  const signal = AbortSignal.timeout(deadline)
  setMaxListeners(0, signal)
  return pMap(Object.values(asks), (ask) => ask(signal), { signal })
}

export const viaPLimit = (asks: Asks) => {
  const controller = new AbortController()
  const limit = pLimit(10)
  return Promise.all(Object.values(asks).map((ask) => limit(() => ask(controller.signal)))).catch((error) => {
    controller.abort(error)
    throw error
  })
}

const policy = timeout(deadline, TimeoutStrategy.Aggressive)
export const viaCockatiel = (asks: Asks) =>
  Promise.all(Object.values(asks).map((ask) => policy.execute(({ signal }) => ask(signal))))

/** What no way to ask effects at once can do without. */
export const aFiberForEach = (asks: Asks) =>
  Promise.all(Object.values(asks).map((ask) => Effect.runPromise(Effect.tryPromise((signal) => ask(signal)))))

/** What users of Effect write. */
export const effectAll = (asks: Asks) =>
  Effect.all(
    Object.fromEntries(Object.entries(asks).map(([name, ask]) => [name, Effect.tryPromise((signal) => ask(signal))])),
    { concurrency: "unbounded" }
  ).pipe(Effect.timeout(deadline))
