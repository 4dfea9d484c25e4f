import { Scheduler } from "effect"

/**
 * Makes whichever fiber runs yield at every so many operations of all of them: an interruption can then come between any
 * two operations of a fiber, as it can in a program that does a lot. A yield takes ten operations or so itself.
 */
export class TornScheduler extends Scheduler.ControlledScheduler {
  constructor(
    private readonly every: number,
    private operations = 0
  ) {
    super()
  }

  override shouldYield(): number | false {
    return ++this.operations % this.every === 0 ? 0 : false
  }
}
