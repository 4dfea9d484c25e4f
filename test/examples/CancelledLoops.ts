/**
 * Cancelled loops: five tasks of ten half-second steps, and two seconds for all. The receipt says how far each got.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Array, Console, type Duration, Effect } from "effect"
import { fileURLToPath } from "node:url"
import { Gather, Receipt } from "../../src/index.ts"

const loop = Effect.forEach(Array.range(1, 10), (step) =>
  Effect.andThen(Effect.sleep("500 millis"), Receipt.progress(`${step} of 10`))
)

export const loops = (deadline: Duration.DurationInput) =>
  Gather.forEach(["ada", "bob", "cleo", "dan", "eve"], () => loop, { id: (name) => name, deadline })

export const program = loops("2 seconds").pipe(
  Effect.catchTag("DeadlineExceeded", ({ receipt }) =>
    Effect.forEach(receipt?.sources ?? [], ({ end, name, outcome, progress }) =>
      Console.log(`${name}: ${outcome} after ${Math.round(end ?? 0)} ms, ${progress}`)
    )
  )
)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
