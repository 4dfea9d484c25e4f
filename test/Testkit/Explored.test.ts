import { onTheMachine, underTestClock } from "./explored.ts"

// In three settings: more than 1,000 for each policy.
onTheMachine(340)
underTestClock(2)
