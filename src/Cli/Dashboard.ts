/**
 * `muster dashboard`: asks the profile and the order service at once.
 *
 * @since 0.1.0
 */
import { Command } from "@effect/cli"
import { Cause, Effect, Either, Exit, Layer, Option, Schema, type Scope, Stream } from "effect"
import { Aggregator, type SourceFailed } from "../Aggregator.ts"
import { environment } from "../Aggregator/Environment.ts"
import * as Cleanup from "../Cleanup.ts"
import * as Demo from "../Demo.ts"
import { describe, type Receipt } from "../Receipt.ts"
import type { SourceError } from "../Source.ts"
import { Drivers } from "./Drivers.ts"
import { badConfig, badInput, type Failed, noAnswer } from "./Failed.ts"
import * as Flags from "./Flags.ts"
import * as Logging from "./Logging.ts"
import * as Record from "./Record.ts"
import { printable, Screen } from "./Screen.ts"
import * as Waterfall from "./Waterfall.ts"

const defaultDeadline = 10_000

/**
 * The flags of the command, which are those of `muster` alone as well.
 *
 * @since 0.1.0
 * @category flags
 */
export const flags = {
  id: Flags.parsed("id", {
    kind: "text",
    about: "the user to ask for; default 1",
    expected: `1 to 100 characters that can be shown, and not "." or ".."`,
    parse: (text) => (Schema.is(Demo.UserId)(text) ? text : undefined)
  }),
  deadline: Flags.duration("deadline", "when the answer leaves at the latest; default MUSTER_DEADLINE, else 10s"),
  profileDelay: Flags.duration("profile-delay", "the demo's profile service takes this long; default 0ms"),
  ordersDelay: Flags.duration("orders-delay", "the demo's order service takes this long; default 0ms"),
  profileFail: Flags.given("profile-fail", "the demo's profile service fails"),
  ordersFail: Flags.given("orders-fail", "the demo's order service fails"),
  profileUrl: Flags.baseUrl("profile-url", `asks <url>/profile/<id>, not the demo: { "id", "name" }`),
  ordersUrl: Flags.baseUrl("orders-url", `asks <url>/orders/<id>, not the demo: [{ "id", "item" }, ...]`),
  record: Flags.parsed("record", {
    kind: "file",
    about: "appends the receipt to this file, as one line for muster explain",
    expected: "the path of a file",
    parse: (text) => (text === "" || text === "-" ? undefined : text)
  }),
  json: Flags.given("json", "prints the answer and the receipt as one line of JSON")
}

type Given = Command.Command.ParseConfig<typeof flags>

/**
 * `muster dashboard`. Prints `User: <name> | Orders: <count>`.
 *
 * @since 0.1.0
 * @category commands
 */
export const command = Command.make("dashboard", flags, (given) => Effect.scoped(run(given))).pipe(
  Command.withDescription("Asks a profile service and an order service at once: User: Alice | Orders: 5")
)

const run = (given: Given) =>
  Effect.gen(function* () {
    const options = yield* Effect.mapError(environment, badConfig)
    const deadline = Option.getOrElse(given.deadline, () => options.deadline ?? defaultDeadline)
    const urls = yield* locate(given).pipe(Effect.catchTag("ServiceNotStarted", (error) => noAnswer(error.message)))
    const append = Option.isSome(given.record) ? yield* Record.open(given.record.value) : undefined
    const { users } = yield* Drivers
    const layer = Demo.UserAggregator.layer.pipe(
      Layer.provideMerge(Aggregator.layer({ ...options, deadline })),
      Layer.provide(users(urls))
    )
    const id = Option.getOrElse(given.id, () => "1")
    const { exit, receipt } = yield* Effect.provide(ask(id, append), layer)
    yield* show(given, { exit, receipt })
    const recorded = append === undefined || receipt === undefined ? Effect.void : append(receipt)
    if (Exit.isSuccess(exit)) return yield* recorded
    yield* Effect.catchAll(recorded, ({ message }) => Logging.sayFailure(message))
    return yield* failure(exit.cause)
  })

interface Asked {
  readonly exit: Exit.Exit<Demo.User, Demo.Unanswered>
  readonly receipt: Receipt | undefined
}

/**
 * Asks for the user. The receipt follows the answer once what was cancelled has cleaned up: it is waited for as long as
 * the aggregator waits when it is recorded, else not for long.
 */
const ask = (
  id: string,
  append: Record.Append | undefined
): Effect.Effect<Asked, never, Demo.UserAggregator | Aggregator | Scope.Scope> =>
  Effect.gen(function* () {
    const users = yield* Demo.UserAggregator
    const receipts = yield* Aggregator.subscribe
    const published = Effect.interruptible(Stream.runHead(receipts)).pipe(
      Effect.timeoutOption(append === undefined ? "1 second" : Cleanup.defaultCloseTimeout),
      Effect.flatMap(Option.flatten)
    )
    const exit = yield* users.aggregate(id).pipe(
      // Nobody is left to be told of the answer; the recording is.
      Effect.onInterrupt(() => (append === undefined ? Effect.void : Effect.ignore(Effect.flatMap(published, append)))),
      Effect.exit
    )
    return { exit, receipt: Option.getOrUndefined(yield* Effect.option(published)) ?? receiptOf(exit) }
  })

const receiptOf = (exit: Asked["exit"]): Receipt | undefined =>
  Exit.isSuccess(exit) ? undefined : Option.getOrUndefined(Cause.failureOption(exit.cause))?.receipt

const locate = (given: Given) =>
  Effect.all({
    profile: locateOne("profile", given.profileUrl, given.profileDelay, given.profileFail),
    orders: locateOne("orders", given.ordersUrl, given.ordersDelay, given.ordersFail)
  })

/** The base URL of a service: the one given, or that of a mock service started for it. */
const locateOne = (
  name: "profile" | "orders",
  url: Option.Option<string>,
  delay: Option.Option<number>,
  fail: boolean
) => {
  if (Option.isNone(url)) return Demo[name]({ delay: Option.getOrUndefined(delay), fail })
  const flag = Option.isSome(delay) ? "delay" : fail ? "fail" : undefined
  return flag === undefined
    ? Effect.succeed(url.value)
    : badInput(`--${name}-${flag} is for the demo, and --${name}-url asks another service`)
}

const show = ({ json }: Given, { exit, receipt }: Asked): Effect.Effect<void, never, Screen> =>
  Effect.map(Screen, (screen) => {
    if (json) screen.out(JSON.stringify({ ...answerOf(exit), receipt: receipt ?? null }))
    else if (Exit.isSuccess(exit)) screen.out(printable(Demo.render(exit.value)))
    if (screen.columns !== undefined && receipt !== undefined) {
      Waterfall.render(receipt, { columns: screen.columns, color: screen.color }).forEach(screen.err)
    }
  })

const answerOf = (exit: Asked["exit"]) => {
  if (Exit.isSuccess(exit)) return { answer: exit.value }
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (error === undefined) return { error: describe(Cause.squash(exit.cause)) }
  return {
    error:
      error._tag === "DeadlineExceeded"
        ? { ...describe(error), pending: error.pending }
        : { ...describe(error), source: error.source, reason: describe(error.error) }
  }
}

const failure = (cause: Cause.Cause<Demo.Unanswered>): Effect.Effect<never, Failed> =>
  Either.match(Cause.failureOrCause(cause), {
    onLeft: (error) => noAnswer(error._tag === "SourceFailed" ? whyFailed(error) : error.message),
    onRight: Effect.failCause
  })

const whyFailed = ({ error, receipt, source }: SourceFailed<SourceError>): string => {
  const stopped = receipt.victims.length === 0 ? "" : `; stopped: ${receipt.victims.join(", ")}`
  return `${source} failed after ${Math.round(receipt.elapsed)} ms: ${error.reason}${stopped}`
}
