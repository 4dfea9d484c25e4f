/**
 * `muster search`: asks several stores for products at once.
 *
 * @since 0.1.0
 */
import { Args, Command } from "@effect/cli"
import { Effect, Option, Redacted, Stream } from "effect"
import { Aggregator } from "../Aggregator.ts"
import * as Search from "../Demo/Search.ts"
import type { Outcome } from "../Outcome.ts"
import * as Outcomes from "../Outcome.ts"
import type { SourceError, SourceTimedOut } from "../Source.ts"
import { Drivers } from "./Drivers.ts"
import { badInput, noAnswer } from "./Failed.ts"
import * as Flags from "./Flags.ts"
import { printable, Screen } from "./Screen.ts"
import * as Waterfall from "./Waterfall.ts"

const defaultLimit = 3_000

const url = (name: string, about: string, schemes: ReadonlyArray<string>) =>
  Flags.parsed(name, {
    kind: "url",
    about,
    expected: `a URL like "${schemes[0]}://localhost"`,
    parse: (text) =>
      schemes.some((scheme) => text.startsWith(`${scheme}://`)) && URL.canParse(text) ? Redacted.make(text) : undefined,
    secret: true
  })

/**
 * The flags of the command.
 *
 * @since 0.1.0
 * @category flags
 */
export const flags = {
  postgres: url("postgres", "a store with a table products (type, manufacturer, model, price)", [
    "postgres",
    "postgresql"
  ]),
  mysql: url("mysql", "another, in MySQL or MariaDB", ["mysql", "mariadb"]),
  sqlite: Flags.parsed("sqlite", {
    kind: "file",
    about: "another, in a file of SQLite",
    expected: "the path of a file",
    parse: (text) => (text === "" ? undefined : Redacted.make(text))
  }),
  redis: url("redis", "a store with a JSON list at products:<type>", ["redis", "rediss"]),
  mongo: url("mongo", "a store with a collection products", ["mongodb", "mongodb+srv"]),
  limit: Flags.duration("limit", "how long each store may take; default 3s"),
  stream: Flags.given("stream", "prints what each store found as it comes, one line of JSON each")
}

const args = {
  query: Args.text({ name: "query" }).pipe(Args.withDescription(`types of products, like "phone tablet headphones"`))
}

type Given = Command.Command.ParseConfig<typeof flags & typeof args>

/**
 * `muster search QUERY`. Prints what was found as JSON: `{ total, results, errors, receipt }`.
 *
 * @since 0.1.0
 * @category commands
 */
export const command = Command.make("search", { ...flags, ...args }, (given) => Effect.scoped(run(given))).pipe(
  Command.withDescription("Asks several stores for products at once, cheapest first")
)

type Arrived = Outcome<ReadonlyArray<Search.Product>, SourceError | SourceTimedOut>

const run = (given: Given) =>
  Effect.gen(function* () {
    const types = Search.typesOf(given.query)
    if (types.length === 0 || types.length > 20 || given.query.length > 1_000) {
      return yield* badInput("the query must be 1 to 20 types of products, such as phone")
    }
    const screen = yield* Screen
    const { services } = yield* Drivers
    if (services === undefined) return yield* badInput("this program has no drivers for stores")
    const urls = optional(given)
    const made = Object.values(urls).some((one) => one !== undefined) ? Search.stores(urls) : Search.embedded
    const stores = yield* Effect.provide(
      Effect.mapError(made, ({ message }) => badInput(message)),
      services
    )
    const limit = Option.getOrElse(given.limit, () => defaultLimit)
    const { found, receipt } = yield* ask(given, Search.sources(stores, types, limit)).pipe(
      Effect.provide(Aggregator.layer())
    )
    screen.out(JSON.stringify({ ...found, receipt: receipt ?? null }))
    if (screen.columns !== undefined && receipt !== undefined) {
      Waterfall.render(receipt, { columns: screen.columns, color: screen.color }).forEach(screen.err)
    }
    if (found.total === 0) return yield* noAnswer(nothing(found))
  })

const optional = ({ mongo, mysql, postgres, redis, sqlite }: Given): Search.Urls => ({
  postgres: Option.getOrUndefined(postgres),
  mysql: Option.getOrUndefined(mysql),
  sqlite: Option.getOrUndefined(sqlite),
  redis: Option.getOrUndefined(redis),
  mongo: Option.getOrUndefined(mongo)
})

/** Asks all stores; says on a terminal who is still awaited. */
const ask = ({ stream }: Given, sources: ReturnType<typeof Search.sources>) =>
  Effect.gen(function* () {
    const screen = yield* Screen
    const receipts = yield* Aggregator.subscribe
    const arrived = new Map<string, Arrived>()
    const order = Object.keys(sources)
    yield* Stream.runForEach(Aggregator.stream("search", sources), ([name, outcome]) =>
      Effect.sync(() => {
        arrived.set(name, outcome)
        if (stream) screen.out(JSON.stringify(lineOf(name, outcome)))
        if (screen.columns === undefined) return
        const awaited = order.filter((one) => !arrived.has(one))
        const still = awaited.length === 0 ? "" : `; still awaited: ${awaited.join(", ")}`
        screen.err(printable(`${name}: ${wordsOf(outcome)}${still}`))
      })
    )
    const receipt = yield* Effect.timeoutOption(Stream.runHead(receipts), "1 second")
    const found = Search.merge(new Map(order.flatMap((name) => entry(name, arrived.get(name)))))
    return { found, receipt: Option.getOrUndefined(Option.flatten(receipt)) }
  })

const entry = (name: string, outcome: Arrived | undefined) => (outcome === undefined ? [] : [[name, outcome] as const])

const lineOf = (source: string, outcome: Arrived) =>
  outcome._tag === "Succeeded"
    ? { source, results: outcome.value }
    : { source, reason: Outcomes.status(outcome), message: messageOf(outcome) }

const wordsOf = (outcome: Arrived) =>
  outcome._tag === "Succeeded" ? `${outcome.value.length} found` : messageOf(outcome)

const messageOf = (outcome: Arrived) => Option.getOrElse(Outcomes.message(outcome), () => Outcomes.status(outcome))

const nothing = ({ errors }: Search.Found) =>
  errors.length === 0
    ? "no store has such a product"
    : `nothing was found; ${errors.map(({ message, source }) => `${source}: ${message}`).join("; ")}`
