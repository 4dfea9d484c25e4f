/** Programs that answer each line with a line. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"

export interface Asked {
  readonly ask: (line: string) => Promise<string>
  readonly stop: () => void
}

/** It ends when it is stopped, or with this process. */
export const start = (file: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}): Asked => {
  const child = spawn(file, args, { env, stdio: ["pipe", "pipe", "inherit"] })
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
  const ask = async (line: string) => {
    child.stdin.write(`${line}\n`)
    const { done, value } = await answers.next()
    if (done === true) throw new Error(`${[file, ...args].join(" ")} ended at ${JSON.stringify(line)}`)
    return value
  }
  return { ask, stop: () => child.stdin.end() }
}
