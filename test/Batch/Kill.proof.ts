import { killSuite } from "./Kill.ts"

killSuite(20, 2)
