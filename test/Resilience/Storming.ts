/**
 * Runs ten minutes of storm without guards or with them, and prints its seconds as JSON. It is a program of its own, since it
 * keeps its process busy for a minute or two, and vitest wants to hear from those who run tests.
 */
import { Effect } from "effect"
import * as Resilience from "../../src/Resilience.ts"
import { type Callers, storm } from "./Storm.ts"

/** All is well, it is down, all is well, it can do less than is asked for, all is well: two minutes each. */
const capacities = [2_000, 0, 2_000, 600, 2_000]
const part = 120

/** What the callers do about it. */
const callers: Record<string, Callers> = {
  "no guards": { hangUp: 300, guard: Effect.retry({ times: 2 }) },
  "the standard guards": {
    hangUp: Infinity,
    guard: Resilience.standard({ name: "stormy", timeLimit: "300 millis", bulkhead: { limit: 50, queue: 200 } })
  }
}

const seconds = storm(
  (second) => capacities[Math.floor(second / part)]!,
  { seconds: capacities.length * part, callers: 1_000 },
  callers[process.argv[2]!]!
)
process.stdout.write(JSON.stringify(seconds))
