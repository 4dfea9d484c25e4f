/**
 * Replicas: three of them have the same value. The fastest answer will do for a page, two that agree make a reading that
 * can be trusted, and a status board shows each one as it answers.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Option, Schema, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { Gather, Outcome } from "../../src/index.ts"

export class ReplicaDown extends Schema.TaggedError<ReplicaDown>()("ReplicaDown", { replica: Schema.String }) {
  override get message() {
    return `the replica in ${this.replica} is down`
  }
}

export class NoAgreement extends Schema.TaggedError<NoAgreement>()("NoAgreement", { readings: Schema.Unknown }) {}

export type Replicas = Readonly<Record<string, Effect.Effect<number, ReplicaDown>>>

/** The first reading there is, the others stopped. */
export const fastest = (replicas: Replicas) => Gather.first(replicas, { deadline: "1 second" })

/** A reading that two replicas agree on; fails as soon as there cannot be two. */
export const agreed = (replicas: Replicas) =>
  Gather.quorum(replicas, 2, { deadline: "1 second" }).pipe(
    Effect.filterOrFail(
      (readings) => new Set(Object.values(readings)).size === 1,
      (readings) => new NoAgreement({ readings })
    )
  )

/** A line for each replica in the instant it answers, or at the deadline. */
export const board = (replicas: Replicas) =>
  Gather.stream(replicas, { deadline: "200 millis" }).pipe(
    Stream.map(([name, outcome]) => {
      const reading = Option.getOrElse(Outcome.value(outcome), () => Outcome.status(outcome))
      return `${name}: ${reading}`
    })
  )

const replicas: Replicas = {
  oslo: Effect.delay(Effect.succeed(17), "40 millis"),
  lima: Effect.delay(new ReplicaDown({ replica: "lima" }), "10 millis"),
  perth: Effect.delay(Effect.succeed(17), "300 millis")
}

export const program = Effect.gen(function* () {
  yield* Console.log(`fastest: ${yield* fastest(replicas)}`)
  yield* Console.log(`agreed: ${Object.keys(yield* agreed(replicas)).join(" and ")}`)
  yield* Stream.runForEach(board(replicas), (line) => Console.log(line))
})

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
