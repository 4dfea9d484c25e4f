/**
 * A rate-limited worker pool: eight workers share a stream of jobs and fifty requests a second. A job is only made when
 * there is a place for it, and the first error stops the workers and whoever makes the jobs.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, RateLimiter, Schema, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { Gather } from "../../src/index.ts"

export class JobRefused extends Schema.TaggedError<JobRefused>()("JobRefused", { job: Schema.Number }) {
  override get message() {
    return `job ${this.job} was refused`
  }
}

export const workers = 8

/** Jobs that may lie ready besides those being worked on. */
export const buffer = 8

/**
 * Answers with all replies in the order of the jobs, or fails with the first error.
 *
 * One request every 20 ms, rather than fifty with each new second: those would let up to 99 through within one second.
 */
export const send = <E, R>(
  jobs: Stream.Stream<number, E, R>,
  request: (job: number) => Effect.Effect<string, JobRefused>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const limited = yield* RateLimiter.make({ limit: 1, interval: "20 millis" })
      return yield* Gather.forEach(jobs, (job) => limited(request(job)), { concurrency: workers, buffer })
    })
  )

/** The producer, as fast as it is let. */
const jobs = (count: number) =>
  Stream.range(1, count).pipe(Stream.ensuring(Console.log(`the producer of ${count} jobs has stopped`)))

const request = (job: number) =>
  Effect.delay(job === 30 ? new JobRefused({ job }) : Effect.succeed(`reply ${job}`), "100 millis")

export const program = Effect.gen(function* () {
  const replies = yield* send(jobs(20), request)
  yield* Console.log(`${replies.length} replies, the last is ${replies.at(-1)}`)
  yield* send(jobs(1_000_000), request)
}).pipe(Effect.catchTag("JobRefused", (error) => Console.log(error.message)))

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
