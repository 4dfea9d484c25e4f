/**
 * Writes values as JavaScript, so that what is printed can be run.
 *
 * @since 0.1.0
 */
import { Chunk, Duration, Either, Option } from "effect"

/**
 * An expression that gives the same value again. Unlike JSON it keeps errors with their fields, `undefined`, `NaN`, bigints,
 * dates, maps and sets. It uses what JavaScript has, and `Option`, `Either`, `Chunk` and `Duration` of Effect.
 *
 * What no expression gives again (a function, an object of a class of one's own) is written as near as can be, with a comment
 * that says what it was. With an `indent`, each field has its own line.
 *
 * @since 0.1.0
 * @category printing
 */
export const literal = (value: unknown, indent?: string): string => new Writer(indent).write(value, "")

class Writer {
  /** The objects that the current one is part of. */
  private readonly around = new Set<object>()

  constructor(private readonly indent: string | undefined) {}

  write(value: unknown, margin: string): string {
    switch (typeof value) {
      case "string":
        return JSON.stringify(value)
      case "bigint":
        return `${value}n`
      case "number":
        return Object.is(value, -0) ? "-0" : String(value)
      case "symbol": {
        const key = Symbol.keyFor(value)
        return key === undefined
          ? `Symbol(${JSON.stringify(value.description ?? "")})`
          : `Symbol.for(${JSON.stringify(key)})`
      }
      case "function":
        return `undefined ${comment(`function ${value.name}`)}`
      case "object":
        return value === null ? "null" : this.once(value, margin)
      default:
        return String(value)
    }
  }

  private once(value: object, margin: string): string {
    if (this.around.has(value)) return `undefined ${comment("a cycle")}`
    this.around.add(value)
    try {
      return this.object(value, margin)
    } finally {
      this.around.delete(value)
    }
  }

  private object(value: object, margin: string): string {
    const inner = (part: unknown) => this.write(part, margin)
    const list = (parts: Iterable<unknown>) => this.list(Array.from(parts), margin)
    if (Array.isArray(value)) return list(value)
    if (value instanceof Error) return this.error(value, margin)
    if (value instanceof Date) return `new Date(${value.getTime()})`
    if (value instanceof RegExp) return String(value)
    if (value instanceof URL) return `new URL(${JSON.stringify(value.href)})`
    if (value instanceof Map) return `new Map(${list(value)})`
    if (value instanceof Set) return `new Set(${list(value)})`
    if (value instanceof Uint8Array) return `Uint8Array.from(${list(value)})`
    if (Option.isOption(value)) return value._tag === "None" ? "Option.none()" : `Option.some(${inner(value.value)})`
    if (Either.isEither(value))
      return value._tag === "Left" ? `Either.left(${inner(value.left)})` : `Either.right(${inner(value.right)})`
    if (Chunk.isChunk(value)) return `Chunk.fromIterable(${list(value)})`
    if (Duration.isDuration(value)) return `Duration.millis(${Duration.toMillis(value)})`
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === null) return `Object.assign(Object.create(null), ${this.fields(Object.entries(value), margin)})`
    const fields = this.fields(Object.entries(value), margin)
    return prototype === Object.prototype ? fields : `${comment(value.constructor?.name ?? "an object")} ${fields}`
  }

  private error(error: Error, margin: string): string {
    const kind = builtIn.find((one) => Object.getPrototypeOf(error) === one.prototype)
    const made = (kind ?? Error).name
    const name = error.name === made ? [] : [["name", error.name] as const]
    // `Object.entries` has what was assigned, such as `_tag`, but not the message and the cause.
    const own = Object.entries(error).filter(([key]) => !["name", "message", "cause"].includes(key))
    const { cause } = error
    const args = [JSON.stringify(error.message)]
    if (cause !== undefined) args.push(`{ cause: ${this.write(cause, margin)} }`)
    if (error instanceof AggregateError && kind === AggregateError) args.unshift(this.list(error.errors, margin))
    const bare = `new ${made}(${args.join(", ")})`
    const more = [...name, ...own]
    const written = more.length === 0 ? bare : `Object.assign(${bare}, ${this.fields(more, margin)})`
    return kind === undefined ? `${comment(error.constructor?.name ?? "an error")} ${written}` : written
  }

  private fields(entries: ReadonlyArray<readonly [string, unknown]>, margin: string): string {
    const deeper = margin + (this.indent ?? "")
    const parts = entries.map(([key, value]) => `${keyOf(key)}: ${this.write(value, deeper)}`)
    return this.between("{", parts, "}", margin, " ")
  }

  private list(values: ReadonlyArray<unknown>, margin: string): string {
    const deeper = margin + (this.indent ?? "")
    return this.between(
      "[",
      Array.from(values, (value) => this.write(value, deeper)),
      "]",
      margin,
      ""
    )
  }

  private between(left: string, parts: ReadonlyArray<string>, right: string, margin: string, space: string): string {
    if (parts.length === 0) return left + right
    if (this.indent === undefined) return `${left}${space}${parts.join(", ")}${space}${right}`
    const line = `\n${margin}${this.indent}`
    return `${left}${line}${parts.join(`,${line}`)}\n${margin}${right}`
  }
}

const builtIn = [Error, TypeError, RangeError, SyntaxError, ReferenceError, URIError, EvalError, AggregateError]

/** `__proto__: x` would set the prototype. */
const keyOf = (key: string) =>
  key === "__proto__" ? `["__proto__"]` : /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key)

const comment = (text: string) => `/* ${text.replaceAll("*/", "* /")} */`
