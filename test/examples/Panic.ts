/**
 * A panic: one task throws. That is a bug and no answer, so it is no typed error but a defect, which names the task; the
 * others are cancelled, and the process lives.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Option } from "effect"
import { fileURLToPath } from "node:url"
import { Group, SourceDied } from "../../src/index.ts"

const parse = Effect.sync((): number => {
  throw new RangeError("no such date: 2026-02-30")
})

const patient = (name: string) =>
  Effect.sleep("10 seconds").pipe(Effect.onInterrupt(() => Console.log(`${name}: stopped`)))

export const tasks = Effect.scoped(
  Effect.gen(function* () {
    const group = yield* Group.make()
    yield* group.go(patient("download"), { name: "download" })
    yield* group.go(Effect.delay(parse, "100 millis"), { name: "parse" })
    yield* group.go(patient("mail"), { name: "mail" })
    yield* group.wait
  })
)

/** Where a program takes its requests, it may log a defect and go on with the next. */
export const program = tasks.pipe(
  Effect.catchSomeDefect((defect) =>
    defect instanceof SourceDied ? Option.some(Console.log(defect.message)) : Option.none()
  ),
  Effect.andThen(Console.log("and the process lives"))
)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
