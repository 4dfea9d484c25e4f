/**
 * The names of the columns of a result, which become the fields of its rows.
 *
 * @since 0.1.0
 */
import * as Fault from "../Fault.ts"

/**
 * The fault of a result that has two columns of one name: as an object, its rows would lose one of them. `undefined` when each
 * column has a name of its own.
 *
 * @since 0.1.0
 * @category checks
 */
export const checkNames = (names: ReadonlyArray<string>): Fault.Fault | undefined => {
  if (new Set(names).size === names.length) return undefined
  const twice = names.find((name, index) => names.indexOf(name) < index)!
  const shown = twice.length > 100 ? `${twice.slice(0, 100)}…` : twice
  return Fault.rejected(`the result has more than one column named "${shown}": give each its own name with AS`)
}

/**
 * A row as an object whose fields are its own, also one named `__proto__`.
 *
 * @since 0.1.0
 * @category getters
 */
export const toObject = (
  names: ReadonlyArray<string>,
  values: ReadonlyArray<unknown>
): Readonly<Record<string, unknown>> => Object.fromEntries(names.map((name, index) => [name, values[index]]))
