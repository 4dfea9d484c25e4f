import { honest } from "./honest.ts"

// The seed makes a failure of one run that of the next.
honest(300, 1)
