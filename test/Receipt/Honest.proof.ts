import { honest } from "./honest.ts"

honest(30_000)
