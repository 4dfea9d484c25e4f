import { explored } from "./explored.ts"

explored(2_500)
