/** One way to ask N sources: for each line with a number it asks so many times, and says how many microseconds of CPU that took. */
import { createInterface } from "node:readline"
import { variants } from "./Variants.ts"

const [n, name] = process.argv.slice(2)
const { cost } = variants(Number(n)).find((variant) => variant.name === name)!
for await (const line of createInterface(process.stdin)) console.log(await cost(Number(line)))
process.exit(0)
