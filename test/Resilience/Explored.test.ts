import { explored } from "./explored.ts"

explored(150)
