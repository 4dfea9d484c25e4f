import { assert, describe, it } from "@effect/vitest"
import { Array, Effect, Exit, Layer } from "effect"
import { execFileSync } from "node:child_process"
import * as Dashboard from "../src/Cli/Dashboard.ts"
import * as Demo from "../src/Demo.ts"
import { SourceUnavailable } from "../src/Source.ts"
import * as Testkit from "../src/Testkit.ts"
import { type Options, typed } from "./Cli/Typed.ts"
import { network } from "./Handles.ts"

const alice = { id: "1", name: "Alice" }
const orders = Array.makeBy(5, (index) => ({ id: `${index}`, item: "lamp" }))

/** Services that do as scripted, in virtual time; the URLs keep the demo from being started. */
const scripted = (services: Partial<typeof Demo.UserServices.Service> = {}) => {
  const asked: globalThis.Array<string> = []
  const users = () =>
    Layer.succeed(Demo.UserServices, {
      profile: (id) => Effect.suspend(() => (asked.push(id), services.profile?.(id) ?? Effect.succeed(alice))),
      orders: (id) => Effect.suspend(() => services.orders?.(id) ?? Effect.succeed(orders))
    })
  const run = (line: string | ReadonlyArray<string>, options: Options = {}) =>
    Effect.flatMap(
      Testkit.timed(
        typed(
          [
            "--profile-url",
            "http://p",
            "--orders-url=http://o",
            ...(typeof line === "string" ? line.split(" ").filter(Boolean) : line)
          ],
          {
            ...options,
            users
          }
        )
      ),
      ([elapsed, exit]) => Effect.map(exit, (screen) => ({ ...screen, elapsed }))
    )
  return { asked, run }
}

const slow = (duration: "2 seconds" | "10 seconds") => () => Testkit.succeeds(alice, { after: duration })
const down = () => new SourceUnavailable({ source: "profile", reason: "GET http://p/profile/1 answered 503" })

describe("muster, the answer", () => {
  it.effect("it is the only thing on stdout; stderr has JSON, one object a line", () =>
    Effect.gen(function* () {
      const { err, exitCode, out } = yield* scripted().run("")

      assert.strictEqual(exitCode, 0)
      assert.deepStrictEqual(out, ["User: Alice | Orders: 5"])
      const lines = err.map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        lines.map(({ logLevel, message }) => [logLevel, message]),
        [["INFO", "dashboard succeeded"]]
      )
      assert.strictEqual(lines[0].annotations.deadline, 10_000)
    })
  )

  it.effect("named or not, the dashboard command is the same", () =>
    Effect.gen(function* () {
      const users = () =>
        Layer.succeed(Demo.UserServices, { profile: () => Effect.succeed(alice), orders: () => Effect.succeed([]) })
      const flags = "--profile-url http://p --orders-url http://o"
      const lines = ["User: Alice | Orders: 0"]

      assert.deepStrictEqual((yield* typed(flags, { users })).out, lines)
      assert.deepStrictEqual((yield* typed(`dashboard ${flags}`, { users })).out, lines)
    })
  )

  it.effect("--json prints one line: the answer and the receipt", () =>
    Effect.gen(function* () {
      const { exitCode, out } = yield* scripted({
        orders: () => Testkit.succeeds(orders, { after: "300 millis" })
      }).run("--json")

      assert.strictEqual(exitCode, 0)
      assert.strictEqual(out.length, 1)
      const { answer, receipt } = JSON.parse(out[0]!)
      assert.deepStrictEqual(answer, { profile: alice, orders })
      assert.strictEqual(receipt.outcome, "succeeded")
      assert.strictEqual(receipt.elapsed, 300)
      assert.deepStrictEqual(receipt.criticalPath, ["orders"])
    })
  )

  it.effect("Slow Poke: exit 1 at the deadline, and one message says what was late", () =>
    Effect.gen(function* () {
      const { elapsed, err, exitCode, out } = yield* scripted({ profile: slow("2 seconds") }).run("--deadline 1s")

      assert.strictEqual(elapsed, 1_000)
      assert.strictEqual(exitCode, 1)
      assert.deepStrictEqual(out, [])
      const last = JSON.parse(err.at(-1)!)
      assert.strictEqual(last.logLevel, "ERROR")
      assert.strictEqual(last.message, `The deadline of 1s passed while waiting for "profile"`)
    })
  )

  it.effect("Domino: exit 1 at once, and one message says what failed and what was stopped", () =>
    Effect.gen(function* () {
      const services = { profile: down, orders: () => Testkit.succeeds(orders, { after: "10 seconds" }) }
      const { elapsed, err, exitCode, out } = yield* scripted(services).run("")

      assert.deepStrictEqual([elapsed, exitCode, out], [0, 1, []])
      assert.strictEqual(
        JSON.parse(err.at(-1)!).message,
        "profile failed after 0 ms: GET http://p/profile/1 answered 503; stopped: orders"
      )
    })
  )

  it.effect("--json of a failure has the error and the receipt, and the exit code stays 1", () =>
    Effect.gen(function* () {
      const late = yield* scripted({ profile: slow("2 seconds") }).run("--deadline 1s --json")
      const failed = yield* scripted({ profile: down }).run("--json")

      assert.deepStrictEqual([late.exitCode, failed.exitCode, late.out.length, failed.out.length], [1, 1, 1, 1])
      const { error, receipt } = JSON.parse(late.out[0]!)
      assert.deepStrictEqual(error, {
        tag: "DeadlineExceeded",
        message: `The deadline of 1s passed while waiting for "profile"`,
        pending: ["profile"]
      })
      assert.strictEqual(receipt.firstCause.kind, "deadline")
      const other = JSON.parse(failed.out[0]!).error
      assert.deepStrictEqual(
        [other.tag, other.source, other.reason.tag],
        ["SourceFailed", "profile", "SourceUnavailable"]
      )
    })
  )

  it.effect("a defect is no failure that was expected: it stays a defect", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(scripted({ profile: () => Effect.die(new Error("a bug")) }).run(""))
      assert(Exit.isFailure(exit) && exit.cause.toString().includes("a bug"))
    })
  )
})

describe("muster, on a terminal", () => {
  const columns = 80

  it.effect("stderr shows the waterfall in the place of log lines", () =>
    Effect.gen(function* () {
      const { err, out } = yield* scripted({ orders: () => Testkit.succeeds(orders, { after: "1 second" }) }).run("", {
        columns
      })

      assert.deepStrictEqual(out, ["User: Alice | Orders: 5"])
      assert.strictEqual(err.length, 3)
      assert.strictEqual(err[0], "dashboard answered after 1 s, deadline 10 s")
      assert.match(err[2]!, /^ {2}orders {3}█+ {2}✓ succeeded {3}0 ms – 1 s$/)
    })
  )

  it.effect("a failure ends with one plain message", () =>
    Effect.gen(function* () {
      const { err, exitCode } = yield* scripted({ profile: slow("2 seconds") }).run("--deadline 1s", { columns })

      assert.strictEqual(exitCode, 1)
      assert.strictEqual(err.at(-2), "→ first cause: the deadline passed while profile was awaited")
      assert.strictEqual(err.at(-1), `muster: The deadline of 1s passed while waiting for "profile"`)
    })
  )

  it.effect("whoever asks for log lines gets them too, in one line each", () =>
    Effect.gen(function* () {
      for (const [line, env] of [
        ["--log-level debug", {}],
        ["", { LOG_LEVEL: "debug" }]
      ] as const) {
        const { err } = yield* scripted().run(line, { columns, env })
        assert.match(err[0]!, /^00:00:00\.000 DEBUG profile succeeded .*aggregation=dashboard/)
        assert.match(err[2]!, /^00:00:00\.000 INFO dashboard succeeded .*deadline=10000/)
        assert.strictEqual(err.length, 6)
      }
    })
  )

  it.effect("there are colours where the screen has them", () =>
    Effect.gen(function* () {
      const plain = yield* scripted().run("--log-level debug", { columns })
      const colored = yield* scripted().run("--log-level debug", { columns, color: true })

      assert.notInclude(plain.err.join(""), "\u001b")
      assert.include(colored.err.join(""), "\u001b[32m")
      assert.notInclude(colored.out.join(""), "\u001b")
    })
  )

  it.effect("an answer from outside cannot move the cursor or add a line", () =>
    Effect.gen(function* () {
      const evil = { id: "1", name: "Al\u001b[2Jice\nUser: Bob" }
      const { out } = yield* scripted({ profile: () => Effect.succeed(evil) }).run("", { columns })

      assert.deepStrictEqual(out, ["User: Al\\u001b[2Jice\\u000aUser: Bob | Orders: 5"])
    })
  )
})

describe("muster, the environment", () => {
  it.effect("MUSTER_DEADLINE is the deadline, and a flag beats it", () =>
    Effect.gen(function* () {
      const env = { MUSTER_DEADLINE: "500ms" }
      const services = { profile: slow("2 seconds") }

      assert.strictEqual((yield* scripted(services).run("", { env })).elapsed, 500)
      assert.strictEqual((yield* scripted(services).run("--deadline 700ms", { env })).elapsed, 700)
      assert.strictEqual((yield* scripted(services).run("--deadline 3s", { env })).exitCode, 0)
      assert.strictEqual((yield* scripted({ profile: () => Effect.never }).run("")).elapsed, 10_000)
    })
  )

  it.effect("MUSTER_CONCURRENCY and MUSTER_GRACE are respected", () =>
    Effect.gen(function* () {
      const services = { profile: slow("2 seconds"), orders: () => Testkit.succeeds(orders, { after: "2 seconds" }) }
      assert.strictEqual((yield* scripted(services).run("", { env: { MUSTER_CONCURRENCY: "1" } })).elapsed, 4_000)

      const stubborn = {
        profile: down,
        orders: () => Testkit.succeeds(orders, { after: "9 seconds", cleanup: "300 millis" })
      }
      const { out } = yield* scripted(stubborn).run("--json", { env: { MUSTER_GRACE: "5s" } })
      assert.strictEqual(JSON.parse(out[0]!).receipt.elapsed, 300)
      assert.strictEqual(JSON.parse((yield* scripted(stubborn).run("--json")).out[0]!).receipt.elapsed, 0)
    })
  )

  it.effect("LOG_LEVEL decides on the log lines, and a failure is said whatever it is", () =>
    Effect.gen(function* () {
      const lines = (level: string, services = {}) =>
        Effect.map(scripted(services).run("", { env: { LOG_LEVEL: level } }), ({ err }) => err.length)

      assert.strictEqual(yield* lines("debug"), 3)
      assert.strictEqual(yield* lines("INFO"), 1)
      assert.strictEqual(yield* lines(""), 1)
      assert.strictEqual(yield* lines("Warning"), 0)
      assert.strictEqual(yield* lines("none", { profile: down }), 1)
    })
  )

  const wrong = [
    [{ MUSTER_DEADLINE: "soon" }, ["MUSTER_DEADLINE", `"soon"`, `a duration like "500ms"`]],
    [{ MUSTER_GRACE: "-1s" }, ["MUSTER_GRACE", `"-1s"`, "a duration"]],
    [{ MUSTER_CONCURRENCY: "0" }, ["MUSTER_CONCURRENCY", `"0"`, `a whole number from 1 up, or "unbounded"`]],
    [{ MUSTER_CONCURRENCY: "many", MUSTER_GRACE: "5" }, ["MUSTER_CONCURRENCY", `"many"`, "MUSTER_GRACE", `"5"`]],
    [{ LOG_LEVEL: "loud" }, ["LOG_LEVEL", `"loud"`, "one of all, trace, debug"]]
  ] as const
  for (const [env, words] of wrong) {
    it.effect(`${JSON.stringify(env)} is refused in one line, before anything is asked`, () =>
      Effect.gen(function* () {
        const { asked, run } = scripted()
        const { err, exitCode, out } = yield* run("", { env })

        assert.deepStrictEqual([exitCode, out, err.length, asked], [2, [], 1, []])
        for (const word of ["muster: ", ...words]) assert.include(err[0], word)
      })
    )
  }
})

describe("muster, bad input", () => {
  const table: ReadonlyArray<readonly [line: string | ReadonlyArray<string>, message: string]> = [
    ["dashbord", `there is no command "dashbord"; did you mean dashboard?`],
    ["--dedline 1s", `there is no flag "--dedline"; did you mean --deadline?`],
    ["--dedline=1s", `there is no flag "--dedline"; did you mean --deadline?`],
    ["dashboard --frobnicate", `there is no flag "--frobnicate"; see muster dashboard --help`],
    ["-x", `there is no flag "-x"; see muster dashboard --help`],
    ["--wizard", `there is no flag "--wizard"; see muster dashboard --help`],
    ["--deadline", "--deadline needs a value"],
    ["--id --json", "--id needs a value"],
    ["--json=yes", "--json takes no value"],
    ["--json --json", "--json is given twice"],
    ["--id 1 --id=2", "--id is given twice"],
    ["dashboard --record=", `--record must be the path of a file, but it is ""`],
    ["dashboard --record -", `--record must be the path of a file, but it is "-"`],
    ["explain", "<file> is missing; see muster explain --help"],
    ["explain --json", "<file> is missing; see muster explain --help"],
    ["explain a b", `there is no use for "b"`],
    ["explain a -- b", `there is no use for "b"`],
    ["explian a", `there is no command "explian"; did you mean explain?`],
    ["explain a --wanted 1% --wanted 2%", "--wanted is given twice"],
    ["explain a --optional=", "--optional needs a value"],
    ["explain a --optional orders,", `--optional must be the name of a source, but it is ""`],
    ["dashboard extra", `there is no use for "extra"`],
    ["--json extra", `there is no use for "extra"`],
    ["--id 1 dashboard", `there is no use for "dashboard"`],
    ["dashboard -- --json", `there is no use for "--json"`],
    ["--deadline banana", `--deadline must be a duration like "500ms", "2s" or "2 seconds", but it is "banana"`],
    ["--deadline 5", `--deadline must be a duration like "500ms", "2s" or "2 seconds", but it is "5"`],
    ["--deadline -5s", `--deadline must be a duration like "500ms", "2s" or "2 seconds", but it is "-5s"`],
    ["--orders-delay=", `--orders-delay must be a duration like "500ms", "2s" or "2 seconds", but it is ""`],
    [["--id", ""], `--id must be 1 to 100 characters that can be shown, and not "." or "..", but it is ""`],
    ["--id ..", `--id must be 1 to 100 characters that can be shown, and not "." or "..", but it is ".."`],
    [
      ["--id", "a\u001b[2J\nb"],
      `--id must be 1 to 100 characters that can be shown, and not "." or "..", but it is "a\\u001b[2J\\nb"`
    ],
    [
      "--profile-url nowhere",
      `--profile-url must be a URL of http or https without a query, like "http://localhost:8080"`
    ],
    [
      "--orders-url ftp://u:s3cret@h/",
      `--orders-url must be a URL of http or https without a query, like "http://localhost:8080"`
    ],
    [
      "--orders-url http://h/?token=s3cret",
      `--orders-url must be a URL of http or https without a query, like "http://localhost:8080"`
    ],
    [
      "--profile-url http://h --profile-delay 1s",
      "--profile-delay is for the demo, and --profile-url asks another service"
    ],
    ["--orders-url http://h --orders-fail", "--orders-fail is for the demo, and --orders-url asks another service"],
    [
      "--log-level chatty",
      `--log-level must be one of all, trace, debug, info, warn, error, fatal, none, but it is "chatty"`
    ],
    ["--completions sh", `--completions must be one of bash, fish, zsh, but it is "sh"`]
  ]
  for (const [line, message] of table) {
    it.effect(`${JSON.stringify(line)}: one line, exit 2, nothing asked`, () =>
      Effect.gen(function* () {
        for (const columns of [undefined, 80]) {
          const { err, exitCode, out } = yield* typed(line, {
            ...(columns === undefined ? {} : { columns }),
            users: () => Layer.die("it must not be asked")
          })
          assert.deepStrictEqual({ exitCode, out, err }, { exitCode: 2, out: [], err: [`muster: ${message}`] })
        }
      })
    )
  }

  it.effect("what is like no command is told which there are", () =>
    Effect.gen(function* () {
      for (const line of [["frobnicate"], [""]]) {
        const { err, exitCode } = yield* typed(line)
        assert.deepStrictEqual([exitCode, err.length], [2, 1])
        assert.match(err[0]!, /^muster: there is no command ".*"; there are: .*dashboard.*, explain/)
      }
    })
  )

  it.effect("what is typed cannot move the cursor", () =>
    Effect.gen(function* () {
      for (const line of [
        ["\u001b[2J"],
        ["--\u001b[2J"],
        ["--json", "\u001b[2J\n\u202e"],
        ["--deadline", "\u009b2J"]
      ]) {
        const { err, exitCode } = yield* typed(line)
        assert.strictEqual(exitCode, 2)
        assert.notMatch(err.join("|"), /[\p{Cc}\u202e]/u)
      }
    })
  )

  it.effect("an id with slashes, dots or dashes is an id", () =>
    Effect.gen(function* () {
      for (const id of ["../../x", "-1", "--json", "--help", "a=b", "ü", "x".repeat(100)]) {
        const { asked, run } = scripted()
        const { exitCode } = yield* run([`--id=${id}`])
        assert.deepStrictEqual([exitCode, asked], [0, [id]])
      }
    })
  )
})

describe("muster, help", () => {
  const names = Object.keys(Dashboard.flags).map(
    (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  )

  it.effect("--help tells of the commands, the environment and the exit codes, in 80 columns", () =>
    Effect.gen(function* () {
      for (const line of ["--help", "-h", "help"]) {
        const { err, exitCode, out } = yield* typed(line, { env: { LOG_LEVEL: "loud" } })
        const text = out.join("\n")

        assert.deepStrictEqual([exitCode, err], [0, []])
        for (const word of ["muster 1.2.3", "dashboard", "MUSTER_DEADLINE", "LOG_LEVEL", "130, 143"])
          assert.include(text, word)
        for (const row of text.split("\n")) assert.isAtMost(row.length, 90, row)
      }
    })
  )

  it.effect("the help of a command tells of each of its flags, once", () =>
    Effect.gen(function* () {
      for (const line of [
        "dashboard --help",
        "help dashboard",
        "dashboard --json -h",
        "--json --help",
        "dashboard --help --nonsense"
      ]) {
        const { exitCode, out } = yield* typed(line)
        const rows = out.join("\n").split("\n")

        assert.strictEqual(exitCode, 0)
        for (const flag of [...names, "-h, --help", "--version", "--completions", "--log-level"]) {
          assert.strictEqual(rows.filter((row) => row.startsWith(`  ${flag} `)).length, 1, flag)
        }
        assert.notMatch(rows.join("\n"), /wizard|user-defined|true or false|\u001b/)
        assert.notMatch(rows.join("\n"), /--[a-z-]+(?: [a-z]+)?$/m)
      }
    })
  )

  it.effect("--version prints the version", () =>
    Effect.gen(function* () {
      for (const line of ["--version", "dashboard --version"]) {
        assert.deepStrictEqual(yield* typed(line), { exitCode: 0, out: ["1.2.3"], err: [] })
      }
    })
  )

  for (const shell of ["bash", "fish", "zsh"]) {
    it.effect(`--completions ${shell} prints a script that knows every command and flag, and no wizard`, () =>
      Effect.gen(function* () {
        const { err, exitCode, out } = yield* typed(`--completions ${shell}`)
        const script = out.join("\n")

        assert.deepStrictEqual([exitCode, err], [0, []])
        const spelled = (flag: string) => (shell === "fish" ? `-l ${flag.slice(2)} ` : flag)
        for (const word of ["dashboard", ...names.map(spelled)]) assert.include(`${script} `, word.trim())
        assert.notInclude(script, "wizard")
      })
    )
  }

  it.live("bash completes commands and flags with it", () =>
    Effect.gen(function* () {
      const script = (yield* typed("--completions bash")).out.join("\n")
      const completed = (...words: ReadonlyArray<string>) =>
        execFileSync("bash", [
          "-c",
          `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_muster_bash_completions muster; echo "\${COMPREPLY[@]}"`
        ])
          .toString()
          .trim()

      assert.strictEqual(completed("muster", "dash"), "dashboard")
      assert.strictEqual(completed("muster", "--dead"), "--deadline")
      assert.strictEqual(completed("muster", "dashboard", "--profile-"), "--profile-delay --profile-fail --profile-url")
    })
  )
})

describe("muster, for real", () => {
  it.live("it starts the demo, asks it over HTTP, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const { err, exitCode, out } = yield* typed("--profile-delay 5ms")

      assert.deepStrictEqual([exitCode, out], [0, ["User: Alice | Orders: 5"]])
      assert.strictEqual(err.length, 1)
      // Node lists a closed handle for another turn or two of the event loop.
      for (const end = performance.now() + 1_000; network().length > 0 && performance.now() < end;)
        yield* Effect.sleep(1)
      assert.deepStrictEqual(network(), [])
    })
  )

  it.live("it asks services of one's own, one or both", () =>
    Effect.gen(function* () {
      const profile = yield* Demo.profile()
      const orders = yield* Demo.orders()

      const one = yield* typed(["--id", "a/b", "--profile-url", `${profile}/`, "--json"])
      const both = yield* typed(["--profile-url", profile, "--orders-url", orders])
      const wrong = yield* typed(["--profile-url", profile, "--orders-url", `${orders}/v2`])

      assert.strictEqual(JSON.parse(one.out[0]!).answer.profile.id, "a/b")
      assert.deepStrictEqual(both.out, ["User: Alice | Orders: 5"])
      assert.strictEqual(wrong.exitCode, 1)
      assert.match(
        wrong.err.at(-1)!,
        /orders failed after \d+ ms: GET http:\/\/127\.0\.0\.1:\d+\/v2\/orders\/1 answered 404/
      )
    }).pipe(Effect.scoped)
  )

  it.live("the password of a URL is sent and never shown", () =>
    Effect.gen(function* () {
      const profile = (yield* Demo.profile({ fail: true })).replace("//", "//alice:s3cret@")
      for (const options of [{}, { columns: 80 }]) {
        const { err, exitCode, out } = yield* typed(["--log-level", "all", "--json", "--profile-url", profile], options)
        assert.strictEqual(exitCode, 1)
        assert.notInclude(err.join() + out.join(), "s3cret")
      }
    }).pipe(Effect.scoped)
  )

  it.live("Domino: the order service says that its request was closed", () =>
    Effect.gen(function* () {
      for (const options of [{}, { columns: 80 }]) {
        const { err, exitCode } = yield* typed("--profile-fail --orders-delay 10s", options)
        assert.strictEqual(exitCode, 1)
        assert.include(err.join(), "orders: the request was closed by the client")
        assert.match(err.at(-1)!, /profile failed after \d+ ms: GET .* answered 503; stopped: orders/)
      }
    })
  )
})
