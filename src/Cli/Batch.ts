/**
 * `muster batch`: runs many items durably, goes on with them, and runs again what failed.
 *
 * @since 0.1.0
 */
import { Command } from "@effect/cli"
import { Effect, HashMap, Redacted } from "effect"
import * as Headers from "./Batch/Headers.ts"
import * as RulesFile from "./Batch/RulesFile.ts"
import * as Flags from "./Flags.ts"

const text = (name: string, kind: string, about: string, expected: string) =>
  Flags.parsed(name, { kind, about, expected, parse: (text) => (text === "" ? undefined : text) })

const file = (name: string, about: string) => text(name, "file", about, "the path of a file")

const count = (name: string, about: string, least = 1) =>
  Flags.parsed(name, {
    kind: "count",
    about,
    expected: `a whole number from ${least} up`,
    parse: (text) => (/^\d{1,9}$/.test(text) && Number(text) >= least ? Number(text) : undefined)
  })

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

const rateSpec: Flags.Spec<{ readonly limit: number; readonly per: number }> = {
  kind: "rate",
  about: "at most so many items are begun in which time, like 50/s or 3000/m",
  expected: `a rate like "50/s", "3000/m" or "1/500ms"`,
  parse: (text) => {
    const [, limit, number = "1", unit] = /^([1-9]\d{0,8})\/([1-9]\d{0,5})?(ms|s|m|h)$/.exec(text) ?? []
    // The cast: these are what the pattern lets through.
    return unit === undefined
      ? undefined
      : { limit: Number(limit), per: Number(number) * units[unit as keyof typeof units] }
  }
}

const maxFailed = Flags.parsed("max-failed", {
  kind: "count",
  about: "stops when more have failed than this, such as 0, 20, or 5% (of 100 and more)",
  expected: `a whole number, or a part like "5%"`,
  parse: (text) => {
    const [, number, percent] = /^(\d{1,9}|\d{1,2}\.\d{1,3}(?=%))(%?)$/.exec(text) ?? []
    if (number === undefined || (percent !== "" && Number(number) > 100)) return undefined
    return percent === "" ? { count: Number(number) } : { ratio: Number(number) / 100 }
  }
})

const http = (about: string) =>
  Flags.baseUrl(
    "http",
    about,
    ", without \${id} or other fields of an item: each item is sent to this one URL, as the body of a POST. For a URL of its own for each item, give a --module that asks it"
  )

/** Which batch is meant. */
const which = {
  ledger: Flags.parsed("ledger", {
    kind: "where",
    about: "a file of SQLite, or a URL of Postgres; default MUSTER_LEDGER, else muster-ledger.db",
    expected: "the path of a file, or a URL like postgres://localhost",
    parse: (text) => (text === "" ? undefined : Redacted.make(text)),
    secret: true
  }),
  name: Flags.parsed("name", {
    kind: "name",
    about: "the batch; may be left out where the ledger has one",
    expected: "a name of 1 to 200 characters",
    parse: (text) => (text === "" || text.length > 200 ? undefined : text)
  })
}

/** How it is run; may be changed when it is gone on with. */
const tuning = {
  concurrency: count("concurrency", "how many items run at once; default 10"),
  rate: Flags.parsed("rate", rateSpec),
  attempts: count("attempts", "how often an item is tried that may yet succeed; default 3"),
  maxFailed,
  failFast: Flags.given("fail-fast", "stops at the first item that fails, as --max-failed 0"),
  rules: file("rules", "what the failure of an item means, in YAML or JSON: { 404: record, default: retry }"),
  rule: Flags.repeated("rule", {
    kind: "class=what",
    about: "one such rule: 404=stop; stop, slow, retry or record. May be given several times",
    expected: `a class of errors with stop, slow, retry or record, like "404=stop"`,
    parse: RulesFile.one
  }),
  workers: Flags.given("workers", "leaves the items to processes of muster batch worker, at a ledger of Postgres"),
  out: file("out", `writes the results here when it ends: { "id", "result" } a line`)
}

const json = Flags.given("json", "prints JSON")
const only = text("only", "class", "those of one class, such as 429 or SourceUnavailable", "the class of an error")

/**
 * The flags of the commands.
 *
 * @since 0.1.0
 * @category flags
 */
export const flags = {
  run: {
    input: file(
      "input",
      "one item of JSON a line; its id is its field id, else its line. With ids, lines may move, come and go between runs"
    ),
    http: http("sends each item there as the body of a POST, and takes the answer for its result"),
    header: Flags.repeated("header", {
      kind: "header",
      about: "sends it with --http, like 'authorization: Bearer \${TOKEN}', which is read from the environment",
      expected: `a name and a value, like "accept-language: de"`,
      parse: Headers.one,
      secret: true
    }),
    module: file(
      "module",
      "runs each item with the default export: a function, a Batch or an Aggregation. A number that no JavaScript number holds is a JsonNumber to it, with its text"
    ),
    again: Flags.given(
      "again",
      "goes on although --input, --http, --module or a --header is another than before: what is done stays done, what is not goes there"
    ),
    ...tuning,
    ...which,
    json
  },
  again: { ...tuning, ...which, json },
  redrive: { only, ...tuning, ...which, json },
  worker: {
    http: http("sends each item there; default: whatever the batch was begun with"),
    module: file("module", "runs each item with the default export; default: whatever the batch was begun with"),
    concurrency: count("concurrency", "how many items it runs at once; default: that of the batch"),
    rate: Flags.parsed("rate", { ...rateSpec, about: "at most so many items by all workers together, like 50/s" }),
    at: Flags.parsed("at", {
      kind: "host:port",
      about: "where the others reach it; default 127.0.0.1 and a free port, for workers on one machine",
      expected: `a host and a port, like "10.0.0.7:34431"`,
      parse: (text) => {
        const [, host, port] = /^([\w.-]{1,253}|\[[\da-f:]+\]):(\d{1,5})$/i.exec(text) ?? []
        return host === undefined || Number(port) > 65_535
          ? undefined
          : { host: host.replace(/^\[|\]$/g, ""), port: Number(port) }
      }
    }),
    ...which
  },
  which: { ...which, json },
  failures: { only, ...which, json },
  export: { out: file("out", "the file to write; default: stdout"), ...which },
  one: which,
  demo: {
    folder: text(
      "folder",
      "folder",
      "where to leave the ledger; default: a new one for temporary files",
      "the path of a folder"
    ),
    json
  }
}

// Loaded when they are run: they bring a server and drivers with them.
const running = Effect.promise(() => import("./Batch/Run.ts"))
const working = Effect.promise(() => import("./Batch/Worker.ts"))
const looking = Effect.promise(() => import("./Batch/Look.ts"))

/**
 * `muster batch`.
 *
 * @since 0.1.0
 * @category commands
 */
export const command = Command.make("batch").pipe(
  Command.withDescription("Runs many items durably: see muster batch --help"),
  Command.withSubcommands([
    Command.make("run", flags.run, (given) => Effect.flatMap(running, ({ run }) => Effect.scoped(run(given)))).pipe(
      Command.withDescription("Runs the items of a file that are not done yet")
    ),
    Command.make("resume", flags.again, (given) =>
      Effect.flatMap(running, ({ resume }) => Effect.scoped(resume(given)))
    ).pipe(Command.withDescription("Goes on with a batch that was stopped or killed")),
    Command.make("redrive", flags.redrive, (given) =>
      Effect.flatMap(running, ({ redrive }) => Effect.scoped(redrive(given)))
    ).pipe(Command.withDescription("Runs what failed again, and goes on with what is left")),
    Command.make("worker", flags.worker, (given) =>
      Effect.flatMap(working, ({ worker }) => Effect.scoped(worker(given)))
    ).pipe(Command.withDescription("Joins a batch that was begun with --workers, until it is stopped")),
    Command.make("status", flags.which, (given) =>
      Effect.flatMap(looking, ({ status }) => Effect.scoped(status(given)))
    ).pipe(Command.withDescription("Says how far batches are, also while they run")),
    Command.make("failures", flags.failures, (given) =>
      Effect.flatMap(looking, ({ failures }) => Effect.scoped(failures(given)))
    ).pipe(Command.withDescription("Lists the items that have failed, and why")),
    Command.make("export", flags.export, (given) =>
      Effect.flatMap(looking, ({ exportResults }) => Effect.scoped(exportResults(given)))
    ).pipe(Command.withDescription("Writes the results there are, also while it runs")),
    Command.make("cancel", flags.one, (given) =>
      Effect.flatMap(looking, ({ cancel }) => Effect.scoped(cancel(given)))
    ).pipe(Command.withDescription("Asks whoever runs a batch to stop")),
    Command.make("purge", flags.one, (given) =>
      Effect.flatMap(looking, ({ purge }) => Effect.scoped(purge(given)))
    ).pipe(Command.withDescription("Forgets a batch (--name), with its results")),
    Command.make("demo", flags.demo, (given) => Effect.flatMap(running, ({ demo }) => Effect.scoped(demo(given)))).pipe(
      Command.withDescription("Translates 1,000 documents, of which one is refused")
    )
  ])
)

/**
 * The first word of the commands.
 *
 * @since 0.1.0
 * @category commands
 */
export const name = "batch"

const inner = Command.getSubcommands(command)

/**
 * The commands by both of their words: `batch run`.
 *
 * @since 0.1.0
 * @category commands
 */
export const commands = HashMap.fromIterable(
  Array.from(inner, ([word, command]) => [`${name} ${word}`, command] as const)
)

/**
 * What they are for.
 *
 * @since 0.1.0
 * @category getters
 */
export const about = "Runs many items durably: what is done is kept, and only what failed is run again"

/**
 * True of `batch` alone, also where its help is asked for.
 *
 * @since 0.1.0
 * @category parsing
 */
export const asksWhich = (args: ReadonlyArray<string>): boolean =>
  [name, `help ${name}`, `${name} --help`, `${name} -h`].includes(args.join(" "))

/**
 * Joins the two words of a command.
 *
 * @since 0.1.0
 * @category parsing
 */
export const joined = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (args[0] === "help") return ["help", ...joined(args.slice(1))]
  const [first, second, ...rest] = args
  return first === name && second !== undefined && !second.startsWith("-") ? [`${name} ${second}`, ...rest] : args
}

/**
 * Takes the two words apart again.
 *
 * @since 0.1.0
 * @category parsing
 */
export const split = ([first = "", ...rest]: ReadonlyArray<string>): ReadonlyArray<string> =>
  first.startsWith(`${name} `) ? [name, first.slice(name.length + 1), ...rest] : [first, ...rest]
