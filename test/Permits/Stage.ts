import { Effect, Exit, type Fiber, FiberId, Scheduler } from "effect"
import * as Permits from "../../src/Permits.ts"

/** An effect that wants permits, and holds them until it is told to end. */
export interface Task {
  readonly name: string
  readonly weight: number
  fiber?: Fiber.RuntimeFiber<unknown, string>
  /** True while its body runs. */
  holding: boolean
  /** Ends its body. */
  end: (how: Effect.Effect<void, string>) => void
}

/**
 * Permits, and tasks that want them, on a scheduler that is stepped by hand: what happens between two steps happens in the
 * same instant, so that a test can put an interruption exactly where it wants it.
 */
export const stage = (limit: number, scheduler = new Scheduler.ControlledScheduler()) => {
  const permits = Permits.make(limit)
  const tasks: Array<Task> = []
  const began: Array<string> = []
  let held = 0

  /** Starts a task. It runs at once as far as it can. */
  const arrive = (weight = 1, how: "with" | "tryWith" = "with", name = String(tasks.length)): Task => {
    const body = Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        task.holding = true
        began.push(name)
        held += weight
        return Effect.ensuring(
          restore(Effect.async<void, string>((resume) => void (task.end = resume))),
          Effect.sync(() => {
            task.holding = false
            held -= weight
          })
        )
      })
    )
    const task: Task = { name, weight, holding: false, end: () => {} }
    const permitted: Effect.Effect<unknown, string> =
      how === "with" ? permits.with(weight)(body) : permits.tryWith(weight)(body)
    task.fiber = Effect.runFork(permitted, { scheduler })
    tasks.push(task)
    return task
  }
  const settle = () => {
    while (scheduler.tasks.buckets.length > 0) scheduler.step()
  }
  const settled = (weight?: number, how?: "with" | "tryWith", name?: string) => {
    const task = arrive(weight, how, name)
    settle()
    return task
  }
  return { permits, scheduler, tasks, began, held: () => held, arrive, settle, settled }
}

export const interrupt = (task: Task) => task.fiber?.unsafeInterruptAsFork(FiberId.none)

export const exitOf = (task: Task) => task.fiber?.unsafePoll() ?? null

export const wasInterrupted = (task: Task) => {
  const exit = exitOf(task)
  return exit !== null && Exit.isInterrupted(exit)
}

export const finish = (task: Task) => task.end(Effect.void)

export const isHolding = (task: Task) => task.holding
