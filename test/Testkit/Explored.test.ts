import { suite } from "./explored.ts"

suite(1_000)
