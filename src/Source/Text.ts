/**
 * Texts that can be sent as what they are.
 *
 * @since 0.1.0
 */
import * as Fault from "./Fault.ts"

/**
 * The fault of a text that UTF-8 cannot write: sent, each lone surrogate would become another character, U+FFFD. `undefined` for
 * any other text. `what` names the text: `"parameter 2"`.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (what: string, text: string): Fault.Fault | undefined =>
  /\p{Surrogate}/u.test(text)
    ? Fault.rejected(`${what} has a lone surrogate (half of a character in UTF-16), which cannot be sent as text`)
    : undefined
