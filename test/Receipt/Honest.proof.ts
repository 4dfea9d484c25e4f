import { honest } from "./honest.ts"

// More in one go would hold the worker for longer than the runner waits for word from it (60 s) on a busy machine.
honest(6_000)
