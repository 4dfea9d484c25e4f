import { killSuite } from "./Kill.ts"

killSuite(1, 1)
