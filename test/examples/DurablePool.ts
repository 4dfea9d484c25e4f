/**
 * The worker pool as a batch: what was sent is kept in a ledger, the first error stops the workers and whoever makes the
 * jobs, and the next run goes on where that one has stopped.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Schema, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { Batch } from "../../src/index.ts"
import * as RateLimit from "../../src/Resilience/RateLimit.ts"
import { buffer, JobRefused, workers } from "./WorkerPool.ts"

/** Jobs that have not ended: those being worked on, and those that lie ready. A job is only made when one of them has. */
export const open = workers + buffer

/** Sends the jobs that have not been sent, one every 20 ms; no other follows the first that fails. */
export const send = <E, R>(
  jobs: Stream.Stream<number, E, R>,
  request: (job: number) => Effect.Effect<string, JobRefused>
) => {
  const limit = RateLimit.make({ name: "jobs", rule: RateLimit.tokenBucket({ limit: 1, per: "20 millis" }) })
  const batch = Batch.make("jobs", {
    item: Schema.Number,
    result: Schema.String,
    id: String,
    run: (job) => RateLimit.with(limit)(request(job))
  })
  return Batch.run(batch, jobs, { concurrency: workers, buffer: open, tolerance: { count: 0 } })
}

/** The producer, as fast as it is let. */
const jobs = Stream.range(1, 40).pipe(Stream.ensuring(Console.log("the producer has stopped")))

const request = (refused: number) => (job: number) =>
  Effect.delay(job === refused ? new JobRefused({ job }) : Effect.succeed(`reply ${job}`), "100 millis")

export const program = Effect.gen(function* () {
  const first = yield* send(jobs, request(30))
  yield* Console.log(`${first.outcome}: ${first.done} done; ${first.stop?.failure?.message}`)
  yield* Batch.redrive("jobs")
  const second = yield* send(jobs, request(0))
  yield* Console.log(`${second.outcome}: ${second.done} done`)
}).pipe(Effect.provide(Batch.layerMemory))

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
