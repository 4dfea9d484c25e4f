/**
 * The tokens of a statement: as much of SQLite's grammar as it takes to find its end, the names in it, and its `RETURNING`.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface Token {
  readonly text: string
  /** Offset of its first character. */
  readonly at: number
  /** The number of parentheses around it. */
  readonly depth: number
}

/** Blanks and comments; strings, blobs and quoted names; words; numbers; any other character. */
const pattern =
  /\s+|--[^\n]*|\/\*[^]*?(?:\*\/|$)|[xX]'[^']*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\p{L}_$][\p{L}\p{N}_$]*|\d[\w.]*|[^]/gu

const isBlank = (text: string) => /^(?:\s|--|\/\*)/.test(text)

/**
 * The tokens of a text, without blanks and comments.
 *
 * @since 0.1.0
 * @category parsing
 */
export const tokensOf = (text: string): Array<Token> => {
  const tokens: Array<Token> = []
  let depth = 0
  for (const match of text.matchAll(pattern)) {
    const [token] = match
    if (isBlank(token)) continue
    if (token === ")") depth--
    tokens.push({ text: token, at: match.index, depth })
    if (token === "(") depth++
  }
  return tokens
}

/**
 * The tokens of the first statement of a text, without its semicolon.
 *
 * @since 0.1.0
 * @category parsing
 */
export const firstOf = (text: string): Array<Token> => {
  const tokens = tokensOf(text)
  const start = tokens.findIndex((token) => token.text !== ";")
  const end = tokens.findIndex((token, index) => index > start && token.text === ";" && token.depth === 0)
  return start < 0 ? [] : tokens.slice(start, end < 0 ? undefined : end)
}

/**
 * A word or a quoted name in lower case, without its quotes; `undefined` for any other token.
 *
 * @since 0.1.0
 * @category getters
 */
export const nameOf = ({ text }: Token): string | undefined => {
  if (/^["`[]/.test(text) && text.length > 1)
    return text
      .slice(1, -1)
      .replace(/(["`])\1/g, "$1")
      .toLowerCase()
  return /^[\p{L}_$]/u.test(text) && !text.endsWith("'") ? text.toLowerCase() : undefined
}

/**
 * What tokens are the tokens of, from the first to the last.
 *
 * @since 0.1.0
 * @category getters
 */
export const textOf = (text: string, tokens: ReadonlyArray<Token>): string => {
  const [first, last] = [tokens[0], tokens.at(-1)]
  return first === undefined || last === undefined ? "" : text.slice(first.at, last.at + last.text.length)
}
