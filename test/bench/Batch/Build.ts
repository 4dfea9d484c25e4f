/**
 * Muster as it is installed: the loader that the tests read TypeScript with takes 100 MB and more.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))

/** A folder with the program, and what it is measured with; `remove` it. */
export interface Build {
  readonly main: string
  /** The JavaScript of a file beside this one. */
  readonly script: (name: string) => string
  readonly path: (name: string) => string
  readonly remove: () => void
}

/** Compiles without a look at the types, which takes two seconds. */
export const build = (): Build => {
  const folder = mkdtempSync(join(tmpdir(), "muster-build-"))
  const path = (name: string) => join(folder, name)
  const options = {
    rootDir: root,
    outDir: folder,
    noCheck: true,
    noEmit: false,
    incremental: false,
    tsBuildInfoFile: null
  }
  const include = ["src", "test/bench/Batch"].map((name) => join(root, name))
  const config = { extends: join(root, "tsconfig.json"), compilerOptions: options, include }
  symlinkSync(join(root, "node_modules"), path("node_modules"))
  cpSync(join(root, "package.json"), path("package.json"))
  writeFileSync(path("tsconfig.json"), JSON.stringify(config))
  const typescript = join(root, "node_modules/typescript/bin/tsc")
  execFileSync(process.execPath, [typescript, "-p", path("tsconfig.json")], { cwd: folder })
  return {
    main: path("src/main.js"),
    script: (name) => path(`test/bench/Batch/${name}.js`),
    path,
    remove: () => rmSync(folder, { recursive: true })
  }
}
