/** What is done with each item: a wait of 1 to 5 ms, or nothing where `WAIT` is not set. */
import { setTimeout as delay } from "node:timers/promises"

export interface Item {
  readonly id: string
  readonly n: number
}

const waits = process.env["WAIT"] !== undefined

export const work = async ({ n }: Item): Promise<number> => {
  if (waits) await delay(1 + (n % 5))
  return n * 2
}

export default work
