/**
 * How a command ends when it does not end well.
 *
 * @since 0.1.0
 */
import { type ConfigError, Schema } from "effect"

/**
 * A command has failed; the message is for whoever typed it.
 *
 * @since 0.1.0
 * @category errors
 */
export class Failed extends Schema.TaggedError<Failed>("effect-muster/Cli/Failed")("Failed", {
  /**
   * 1: there is no answer; 2: the command was given something wrong, and has done nothing; 3: a batch is through, and some
   * of its items have failed.
   */
  exitCode: Schema.Literal(1, 2, 3),
  message: Schema.String
}) {}

/**
 * There is no answer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const noAnswer = (message: string): Failed => new Failed({ exitCode: 1, message })

/**
 * The command was given something wrong.
 *
 * @since 0.1.0
 * @category constructors
 */
export const badInput = (message: string): Failed => new Failed({ exitCode: 2, message })

/**
 * A variable of the environment has a wrong value.
 *
 * @since 0.1.0
 * @category constructors
 */
export const badConfig = (error: ConfigError.ConfigError): Failed => badInput(messages(error).join("; "))

const messages = (error: ConfigError.ConfigError): ReadonlyArray<string> =>
  error._op === "And" || error._op === "Or" ? [...messages(error.left), ...messages(error.right)] : [error.message]
