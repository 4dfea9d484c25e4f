/**
 * Where the sources of an endpoint use its inputs.
 *
 * @since 0.1.0
 */
import * as Sources from "./Checks/Sources.ts"
import * as File from "./File.ts"
import type { Used } from "./File/Limits.ts"
import { Reference } from "./Template.ts"

/**
 * Where the input of this name is used.
 *
 * @since 0.1.0
 * @category getters
 */
export const of = (sources: Readonly<Record<string, File.Source>>, input: string): Used => {
  const all = Object.values(sources)
  return {
    inPath: all
      .flatMap((source) => File.methods.flatMap((method) => Array.from(source[method]?.segments ?? [])))
      .flatMap(([part, segment]) =>
        part instanceof Reference && part.root === input ? [{ ...segment, slashes: part.slashes }] : []
      ),
    inHeader: all.some((source) =>
      Sources.referencesIn(source).some(([at, { root }]) => at[0] === "headers" && root === input)
    )
  }
}
