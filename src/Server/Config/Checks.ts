/**
 * What the members of a file must be to each other: names that are there, questions that fit their service, no cycles.
 *
 * @since 0.1.0
 */
import * as Endpoints from "./Checks/Endpoints.ts"
import * as Services from "./Checks/Services.ts"
import type * as File from "./File.ts"
import type { Finding } from "./Problem.ts"

/**
 * The names that a file gives, also to what is wrong in itself: that is not missing.
 *
 * @since 0.1.0
 * @category models
 */
export type Names = (...path: ReadonlyArray<string>) => ReadonlyArray<string>

/**
 * Checks what is left of a file when everything that is wrong in itself is taken out.
 *
 * @since 0.1.0
 * @category checks
 */
export const of = ({ endpoints, services }: File.File, names: Names): ReadonlyArray<Finding> => [
  ...names("services").flatMap((name) => named(["services", name])),
  ...Object.entries(services).flatMap(([name, service]) => Services.check(name, service)),
  ...names("endpoints").flatMap((name) => named(["endpoints", name])),
  ...Endpoints.samePlaces(endpoints),
  ...Object.entries(endpoints).flatMap(([name, endpoint]) => Endpoints.check(name, endpoint, services, names))
]

const named = (path: readonly [string, string]): ReadonlyArray<Finding> =>
  /^[A-Za-z_][\w-]{0,99}$/.test(path[1])
    ? []
    : [{ path, key: true, message: "a name is made of letters, digits, _ and -, and begins with a letter" }]
