/**
 * An order for what waits for each other.
 *
 * @since 0.1.0
 */
import * as Options from "../../Options.ts"

/**
 * Something with a name, and the names of what it waits for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Waiting {
  readonly name: string
  readonly after?: ReadonlyArray<string> | undefined
}

/**
 * So that none stands before one that it comes after; otherwise as they were given. Refuses what has no such order.
 *
 * @since 0.1.0
 * @category checks
 */
export const inOrder = <T extends Waiting>(nodes: ReadonlyArray<T>): ReadonlyArray<T> => {
  const names = new Set<string>()
  for (const { name } of nodes) {
    if (names.has(name)) Options.refuse("Graph", "name", name, "given once")
    // The members of an object stand in the order they were given in, but for these.
    if (/^\d+$/.test(name)) Options.refuse("Graph", "name", name, "no number")
    names.add(name)
  }
  for (const { after = [], name } of nodes) {
    const unknown = after.find((dependency) => !names.has(dependency))
    if (unknown !== undefined)
      Options.refuse("Graph", `after of "${name}"`, unknown, "the name of a source in the graph")
  }
  const cycle = cycleIn(nodes)
  if (cycle !== undefined) Options.refuse("Graph", "after", cycle.join(" -> "), "free of cycles")
  return sort(nodes).sorted
}

/**
 * Sources that wait for each other, from one of them back to itself: `["a", "b", "a"]`, where `a` comes after `b`.
 *
 * @since 0.1.0
 * @category checks
 */
export const cycleIn = (nodes: ReadonlyArray<Waiting>): ReadonlyArray<string> | undefined => {
  const stuck = new Map(sort(nodes).stuck.map(({ after = [], name }) => [name, after]))
  const path: Array<string> = []
  for (let [at] = stuck.keys(); at !== undefined; at = stuck.get(at)!.find((name) => stuck.has(name))) {
    const start = path.indexOf(at)
    path.push(at)
    if (start >= 0) return path.slice(start)
  }
  return undefined
}

const sort = <T extends Waiting>(nodes: ReadonlyArray<T>) => {
  const names = new Set(nodes.map(({ name }) => name))
  const done = new Set<string>()
  const sorted: Array<T> = []
  let stuck = nodes
  for (let before = -1; before !== sorted.length;) {
    before = sorted.length
    stuck = stuck.filter((node) => {
      // One that is not there is another trouble.
      if (node.after?.some((name) => names.has(name) && !done.has(name))) return true
      done.add(node.name)
      sorted.push(node)
      return false
    })
  }
  return { sorted, stuck }
}
