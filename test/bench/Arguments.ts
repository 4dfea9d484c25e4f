/** What was asked of the bench; says what is wrong with it, and ends. */
import { parseArgs } from "node:util"

const options = {
  json: { type: "boolean", default: false },
  rounds: { type: "string", default: "20" },
  write: { type: "boolean", default: false }
} as const

const refuse = (what: string, parts: ReadonlyArray<string>): never => {
  console.error(`${what}\nusage: npm run bench -- [${parts.join("|")}]... [--rounds 20] [--json] [--write]`)
  return process.exit(2)
}

const parsed = (parts: ReadonlyArray<string>) => {
  try {
    return parseArgs({ allowPositionals: true, options })
  } catch (error) {
    // What it adds after the first sentence is about how to give a file that begins with a dash.
    return refuse(error instanceof Error ? error.message.split(". ")[0]! : String(error), parts)
  }
}

export const read = (parts: ReadonlyArray<string>) => {
  const { positionals, values } = parsed(parts)
  const unknown = positionals.find((name) => !parts.includes(name))
  if (unknown !== undefined) return refuse(`there is no part ${JSON.stringify(unknown)}`, parts)
  if (!/^[1-9]\d{0,3}$/.test(values.rounds))
    return refuse(`--rounds must be a whole number from 1 to 9999, but it is ${JSON.stringify(values.rounds)}`, parts)
  if (values.json && values.write) return refuse("--json or --write, not both", parts)
  const chosen = positionals.length === 0 ? parts : parts.filter((name) => positionals.includes(name))
  return { ...values, rounds: Number(values.rounds), chosen, given: positionals }
}
