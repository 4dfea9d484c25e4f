/**
 * What several sources failed with, as the cause of one error.
 *
 * @since 0.1.0
 */
import { describe } from "../Receipt.ts"

interface Failure {
  readonly source: string
  readonly error: unknown
}

/** An error with the stacks of others, each by the name of its source. */
class SourceErrors extends Error {
  override readonly name = "SourceErrors"

  constructor(private readonly failures: ReadonlyArray<Failure>) {
    super(`${failures.length} sources failed`)
    // Made when it is printed: who only handles the error pays nothing. And not listed a second time below its text.
    Object.defineProperty(this, "failures", { enumerable: false })
    Object.defineProperty(this, "stack", { get: () => this.text, enumerable: false, configurable: true })
  }

  private get text(): string {
    const each = this.failures.map(({ error, source }) => `"${source}": ${stackOf(error)}`)
    return [`${this.name}: ${this.message}`, ...each].join("\n").replaceAll("\n", "\n    ")
  }
}

/** With those of its causes; a chain of more than a few may be a circle. */
const stackOf = (error: unknown, most = 5): string => {
  const stack = error instanceof Error && error.stack !== undefined ? error.stack : describe(error).message
  return error instanceof Error && error.cause !== undefined && most > 0
    ? `${stack}\n[cause]: ${stackOf(error.cause, most - 1)}`
    : stack
}

/**
 * The cause of an error that these failures led to: the error of the one, or all of them by name; `undefined` if there is none.
 *
 * @since 0.1.0
 * @category getters
 */
export const causeOf = (failures: ReadonlyArray<Failure>): unknown =>
  failures.length > 1 ? new SourceErrors(failures) : failures[0]?.error
