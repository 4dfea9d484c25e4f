/**
 * Why a file cannot be read or written, in words.
 *
 * @since 0.1.0
 */
import { getSystemErrorMap } from "node:util"

/**
 * Reads what Node raises as the sentence that the system has for it, such as `no such file or directory`.
 *
 * @since 0.1.0
 * @category getters
 */
export const why = (error: unknown): string => {
  const number = typeof error === "object" && error !== null && "errno" in error ? error.errno : undefined
  const known = typeof number === "number" ? getSystemErrorMap().get(number) : undefined
  if (known?.[0] === "EISDIR") return "it is a directory"
  return known?.[1] ?? (error instanceof Error ? error.message : String(error))
}
