/**
 * The scripts and styles of the pages: as they are served, and as parts of one script.
 *
 * @since 0.1.0
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"

const plotting = ["uPlot.js", "Element.js", "Paint.js"]

/**
 * The scripts of the page of receipts, each after those that it uses.
 *
 * @since 0.1.0
 * @category models
 */
export const live: ReadonlyArray<string> = [
  ...plotting,
  "Minutes.js",
  "Stats.js",
  "Picture.js",
  "Plot.js",
  "Now.js",
  "Waterfall.js",
  "Detail.js",
  "List.js",
  "Live.js",
  "Main.js"
]

/**
 * The scripts of the page of settings, each after those that it uses.
 *
 * @since 0.1.0
 * @category models
 */
export const explained: ReadonlyArray<string> = [...plotting, "Explained.js"]

/**
 * The styles of all pages.
 *
 * @since 0.1.0
 * @category models
 */
export const styles: ReadonlyArray<string> = ["uPlot.css", "Style.css"]

const require = createRequire(import.meta.url)

/** The library that draws the plots, as it was installed beside this package. */
const library = {
  "uPlot.js": { path: "uplot/dist/uPlot.iife.min.js", notice: "uPlot, (c) Leon Sorokin, under the MIT License" },
  "uPlot.css": { path: "uplot/dist/uPlot.min.css", notice: "uPlot, (c) Leon Sorokin, under the MIT License" }
} as const

const isLibrary = (name: string): name is keyof typeof library => name in library

const textOf = (name: string): string => {
  // The same file whether this runs from `src` or from `dist`.
  if (!isLibrary(name)) return readFileSync(new URL(`../../src/Page/${name}`, import.meta.url), "utf8")
  const { notice, path } = library[name]
  return `/* ${notice} */\n${readFileSync(require.resolve(path), "utf8")}`
}

/**
 * A file as it is served: a module, or a style.
 *
 * @since 0.1.0
 * @category getters
 */
export const served = (name: string): string => {
  if (name === "uPlot.js") return `${textOf(name)}\nexport default uPlot\n`
  return textOf(name).replace(`from "uplot"`, `from "./uPlot.js"`)
}

/**
 * A module as a part of one script, which has what the module exports, and no name of it besides.
 *
 * @since 0.1.0
 * @category getters
 */
export const enclosed = (name: string): string => {
  if (name === "uPlot.js") return textOf(name)
  const text = textOf(name).replaceAll(/^import [^]*? from ".*"\n/gm, "")
  const exported = Array.from(text.matchAll(/^export const (\w+)/gm), ([, name]) => name).join(", ")
  return `const { ${exported} } = (() => {\n${text.replaceAll(/^export /gm, "")}\nreturn { ${exported} }\n})()`
}
