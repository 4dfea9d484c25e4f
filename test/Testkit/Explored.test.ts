import { onTheMachine, underTestClock } from "./explored.ts"

onTheMachine(1_000)
underTestClock(3)
