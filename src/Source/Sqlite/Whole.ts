/**
 * Statements whose rows hold every text whole, also one that is no text.
 *
 * The driver cuts a text at its first NUL, and ends the process at one that is not UTF-8. So it never reads any: a text comes as
 * its bytes, and a blob, which could not be told from it, as its digits in hex. That costs 1.6 us a row of four columns in
 * place of 1.1 us, and one column: how often the tables have changed, since the names of the columns are those of then.
 *
 * @since 0.1.0
 */
import { firstOf, nameOf, textOf, type Token, tokensOf } from "./Tokens.ts"

const value = (x: string) =>
  `CASE typeof(${x}) WHEN 'text' THEN CAST(${x} AS BLOB) WHEN 'blob' THEN hex(${x}) ELSE ${x} END`

/**
 * Counts the changes of the tables.
 *
 * @since 0.1.0
 * @category statements
 */
export const version = "(SELECT schema_version FROM pragma_schema_version)"

/**
 * SQLite allows 2,000.
 *
 * @since 0.1.0
 * @category models
 */
export const mostColumns = 1_900

/**
 * The rows of a statement that reads. They are computed as a whole before the first of them, and `columns` is their number.
 *
 * @since 0.1.0
 * @category statements
 */
export const select = (statement: string, columns: number): string => {
  const names = Array.from({ length: columns }, (_, index) => `c${index}`)
  const rows = `muster_rows(${names.join()}) AS MATERIALIZED (${textOf(statement, firstOf(statement))}\n)`
  return `WITH ${rows} SELECT ${names.map(value).join()}, ${version} FROM muster_rows`
}

/**
 * A statement that writes, with what it returns; `columns` are the names of that. `undefined` without a `RETURNING`.
 *
 * @since 0.1.0
 * @category statements
 */
export const returning = (statement: string, columns: ReadonlyArray<string>): string | undefined => {
  const tokens = firstOf(statement)
  const keyword = tokens.findLastIndex((token) => token.depth === 0 && nameOf(token) === "returning")
  if (keyword < 0) return undefined
  const items = itemsOf(statement, tokens.slice(keyword + 1))
  const stars = items.filter((item) => item === "*").length
  const named = items.length - stars
  const inStar = stars === 0 ? 0 : (columns.length - named) / stars
  let column = 0
  const expressions = items.flatMap((item) => {
    const names = columns.slice(column, (column += item === "*" ? inStar : 1))
    return item === "*" ? names.map(quoted) : [item]
  })
  const whole = expressions.map((e) => `(WITH m(x) AS MATERIALIZED (SELECT ${e}\n) SELECT ${value("x")} FROM m)`)
  const head = statement.slice(0, tokens[keyword]!.at)
  return `${head}RETURNING ${whole.join()}, ${version}`
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

/** What stands between the commas. */
const itemsOf = (statement: string, tokens: ReadonlyArray<Token>): Array<string> => {
  const items: Array<string> = []
  let first = 0
  tokens.forEach((token, index) => {
    const isLast = index === tokens.length - 1
    if (token.text === "," && token.depth === 0) {
      items.push(textOf(statement, tokens.slice(first, index)))
      first = index + 1
    } else if (isLast) items.push(textOf(statement, tokens.slice(first)))
  })
  return items
}

const files = new Set(["readfile", "writefile", "fsdir", "lsmode", "load_extension", "edit"])

/**
 * Why a statement may not be run: it reads or writes files beside the database. Functions of that kind can be called by a
 * statement alone, as SQLite refuses them in views and triggers.
 *
 * @since 0.1.0
 * @category checks
 */
export const refusal = (text: string): string | undefined => {
  const tokens = tokensOf(text)
  const names = tokens.map(nameOf)
  for (const [index, name] of names.entries()) {
    const before = tokens[index - 1]?.text ?? ";"
    const isCalled = tokens[index + 1]?.text === "("
    if (before === ";" && (name === "attach" || name === "detach")) {
      return `${name.toUpperCase()} is turned off: give each file a service of its own`
    }
    if (name === "into" && names[index - 1] === "vacuum") return "VACUUM INTO is turned off: it writes another file"
    if (name === "into" && names[index - 2] === "vacuum") return "VACUUM INTO is turned off: it writes another file"
    const isTable = name === "fsdir" && /^(?:from|join|,)$/i.test(before)
    if (name !== undefined && ((files.has(name) && isCalled) || isTable)) {
      return `${name} is turned off: it reaches files beside the database`
    }
  }
  return undefined
}

/**
 * True for the error of a statement that reads when its columns are more or fewer than they were.
 *
 * @since 0.1.0
 * @category guards
 */
export const isStale = (error: unknown): boolean =>
  error instanceof Error && /muster_rows has \d+ (?:values|columns)/.test(error.message)
