/**
 * The exact value of a number that is written in decimal digits.
 *
 * @since 0.1.0
 */

/**
 * A number as `0.digits * 10^point`: no zeros around the digits, which are empty for zero.
 *
 * @since 0.1.0
 * @category models
 */
export interface Decimal {
  readonly negative: boolean
  readonly digits: string
  /** An exponent may itself be too long for a number. */
  readonly point: bigint
}

/**
 * Reads a number as JSON writes it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const of = (text: string): Decimal => {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE][+]?(-?\d+))?$/.exec(text)!
  const all = whole! + fraction
  const significant = all.replace(/^0+/, "")
  const digits = significant.slice(0, lengthWithoutZeros(significant))
  if (digits === "") return zero
  const point = BigInt(exponent.slice(0, longest)) + BigInt(whole!.length - (all.length - significant.length))
  return { negative: sign === "-", digits, point }
}

/** Digits of an exponent: beyond them all are the same. A million would take 0.1 s. */
const longest = 1_000

const zero: Decimal = { negative: false, digits: "", point: 0n }

/** Not by `/0+$/`, which begins anew at each zero: 100,000 of them before a 1 took 6 s. */
const lengthWithoutZeros = (text: string): number => {
  let length = text.length
  while (text.charCodeAt(length - 1) === 48) length--
  return length
}

/**
 * Less than 0 if the first is less than the second, 0 if they are equal, else more.
 *
 * @since 0.1.0
 * @category comparing
 */
export const compare = (a: Decimal, b: Decimal): number => {
  if (a.negative !== b.negative) return a.negative ? -1 : 1
  return a.negative ? size(b, a) : size(a, b)
}

/** Compares what is not negative. */
const size = (a: Decimal, b: Decimal): number => {
  if (a.digits === "" || b.digits === "") return a.digits.length - b.digits.length
  if (a.point !== b.point) return a.point < b.point ? -1 : 1
  return a.digits === b.digits ? 0 : a.digits < b.digits ? -1 : 1
}

/**
 * True for a value without a fraction, however it is written: `1.0` and `1e3` are whole.
 *
 * @since 0.1.0
 * @category guards
 */
export const isWhole = ({ digits, point }: Decimal): boolean => point >= BigInt(digits.length)

/**
 * The greatest whole number that is no greater than a number with a fraction.
 *
 * @since 0.1.0
 * @category getters
 */
export const floor = ({ digits, negative, point }: Decimal): bigint => {
  const whole = point <= 0n ? 0n : BigInt(digits.slice(0, Number(point)))
  return negative ? -whole - 1n : whole
}

/**
 * In digits alone, without an exponent: `1000000000000000000000` for `1e+21`.
 *
 * @since 0.1.0
 * @category writing
 */
export const plain = ({ digits, negative, point }: Decimal): string => {
  const sign = negative ? "-" : ""
  if (digits === "") return "0"
  if (point <= 0n) return `${sign}0.${"0".repeat(Number(-point))}${digits}`
  const whole = digits.slice(0, Number(point)).padEnd(Number(point), "0")
  const fraction = digits.slice(Number(point))
  return fraction === "" ? sign + whole : `${sign}${whole}.${fraction}`
}
