import { assert, describe, it } from "@effect/vitest"
import { EventEmitter } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import * as Screen from "../../src/Cli/Screen.ts"

class Stream extends EventEmitter {
  readonly written: Array<string> = []
  constructor(
    readonly isTTY: boolean,
    readonly columns?: number
  ) {
    super()
  }
  write(text: string) {
    return this.written.push(text) > 0
  }
}

const on = (stderr: Stream, env: Record<string, string> = {}) => {
  const stdout = new Stream(false)
  const fake = Object.assign(new EventEmitter(), { env, stdout, stderr, exitCode: undefined as number | undefined })
  // Of a process it uses these alone.
  return { fake, stdout, stderr, screen: Screen.fromProcess(fake as unknown as NodeJS.Process) }
}

describe("Screen.fromProcess", () => {
  it("answers go to stdout, the rest to stderr, a line each", () => {
    const { screen, stderr, stdout } = on(new Stream(false))

    screen.out("answer")
    screen.err("aside")

    assert.deepStrictEqual([stdout.written, stderr.written], [["answer\n"], ["aside\n"]])
  })

  it("lines that come right after another are written together, in their order, and at the end of the process at once", async () => {
    const { fake, screen, stderr } = on(new Stream(false))
    for (const line of ["a", "b", "c"]) screen.err(line)
    assert.deepStrictEqual(stderr.written, ["a\n"])
    await sleep(40)
    assert.deepStrictEqual(stderr.written, ["a\n", "b\nc\n"])
    await sleep(40)
    for (const line of ["d", "e"]) screen.err(line)
    assert.deepStrictEqual(stderr.written, ["a\n", "b\nc\n", "d\n"])
    fake.emit("exit")
    assert.deepStrictEqual(stderr.written, ["a\n", "b\nc\n", "d\n", "e\n"])
  })

  it("no more than 64 kB of lines are held back, and none on a terminal", () => {
    const { screen, stderr } = on(new Stream(false))
    const long = "x".repeat(40_000)
    for (const line of ["a", long, long]) screen.err(line)
    assert.deepStrictEqual(stderr.written, ["a\n", `${long}\n${long}\n`])

    const terminal = on(new Stream(true))
    for (const line of ["a", "b"]) terminal.screen.err(line)
    assert.deepStrictEqual(terminal.stderr.written, ["a\n", "b\n"])
  })

  it("it has columns only if stderr is a terminal, and 80 of them where the terminal does not say", () => {
    assert.strictEqual(on(new Stream(false, 100)).screen.columns, undefined)
    assert.strictEqual(on(new Stream(true, 100)).screen.columns, 100)
    assert.strictEqual(on(new Stream(true, 0)).screen.columns, 80)
    assert.strictEqual(on(new Stream(true)).screen.columns, 80)
  })

  it("it has colours on a terminal, unless NO_COLOR or TERM=dumb say no", () => {
    assert.strictEqual(on(new Stream(true)).screen.color, true)
    assert.strictEqual(on(new Stream(true), { NO_COLOR: "" }).screen.color, true)
    assert.strictEqual(on(new Stream(true), { NO_COLOR: "1" }).screen.color, false)
    assert.strictEqual(on(new Stream(true), { TERM: "dumb" }).screen.color, false)
    assert.strictEqual(on(new Stream(false)).screen.color, false)
  })

  it("a reader that has gone away is no failure; a full disk is", () => {
    const { fake, stderr, stdout } = on(new Stream(false))

    stdout.emit("error", Object.assign(new Error("broken pipe"), { code: "EPIPE" }))
    assert.deepStrictEqual([fake.exitCode, stderr.written], [undefined, []])

    stdout.emit("error", Object.assign(new Error("no space left"), { code: "ENOSPC" }))
    assert.strictEqual(fake.exitCode, 1)
    assert.deepStrictEqual(stderr.written, ["muster: the answer could not be written: no space left\n"])
  })
})

describe("Screen.printable", () => {
  it("what would move the cursor, break the line or turn the writing stands there as its code", () => {
    assert.strictEqual(
      Screen.printable("a\u001b[2Jb\nc\u009bd\u202ee\u2028f\ud800"),
      "a\\u001b[2Jb\\u000ac\\u009bd\\u202ee\\u2028f\\ud800"
    )
    assert.strictEqual(Screen.printable("Zoë 👩‍👧 漢字 \\n"), "Zoë 👩‍👧 漢字 \\n")
  })
})
