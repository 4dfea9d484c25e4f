import { insideLimits, onTheMachine, underTestClock } from "./explored.ts"

onTheMachine(1_000)
insideLimits(20)
underTestClock(3)
