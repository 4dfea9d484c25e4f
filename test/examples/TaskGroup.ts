/**
 * A task group: three tasks that share one fate. They prepare side by side, wait for each other, and publish together; the
 * first error is everybody's.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, type Duration, Effect, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { Group } from "../../src/index.ts"

export class UploadRefused extends Schema.TaggedError<UploadRefused>()("UploadRefused", { reason: Schema.String }) {
  override get message() {
    return `the upload was refused: ${this.reason}`
  }
}

/** Whoever arrives waits here until all have. */
const meeting = (parties: number) =>
  Effect.map(Effect.makeLatch(), (latch) => {
    let arrived = 0
    return Effect.suspend(() => (++arrived < parties ? latch.await : latch.open))
  })

/**
 * A task hears of its cancellation at every step it takes and wherever it waits: in a sleep, at the meeting. Only a loop
 * of plain JavaScript would have to ask for it, with `Effect.yieldNow()`.
 */
const steps = (count: number, each: Duration.DurationInput) => Effect.repeatN(Effect.sleep(each), count - 1)

export const release = (upload: Effect.Effect<void, UploadRefused>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const group = yield* Group.make<UploadRefused>()
      const everybodyReady = yield* meeting(3)
      const task = (name: string, prepare: Effect.Effect<void, UploadRefused>) =>
        prepare.pipe(
          Effect.andThen(everybodyReady),
          Effect.andThen(Console.log(`${name}: published`)),
          Effect.onInterrupt(() => Console.log(`${name}: stopped`)),
          (work) => group.go(work, { name })
        )

      yield* task("compile", steps(5, "100 millis"))
      yield* task("test", steps(3, "100 millis"))
      yield* task("upload", upload)
      yield* group.wait
    })
  )

export const refused = new UploadRefused({ reason: "the disk is full" })

export const program = release(Effect.delay(refused, "700 millis")).pipe(
  Effect.catchTag("UploadRefused", (error) => Console.log(error.message))
)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
