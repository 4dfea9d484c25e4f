/**
 * What guards need of a Redis: its commands, whatever client sends them.
 *
 * @since 0.1.0
 */
import { Effect, Predicate } from "effect"

/**
 * Sends commands. The client of `effect-muster/Source/Redis` is one; {@link fromDriver} makes one of `ioredis`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RedisCommands {
  /** Sends a command. A failure has a `message`. */
  readonly command: (name: string, ...args: ReadonlyArray<string | number>) => Effect.Effect<unknown, unknown>
}

/**
 * What this needs of `ioredis`; a `Cluster` has it too.
 *
 * @since 0.1.0
 * @category models
 */
export interface Driver {
  readonly call: (command: string, args: Array<string | number>) => Promise<unknown>
}

/**
 * Commands over a client of `ioredis`, which whoever made it closes.
 *
 * By default `ioredis` keeps commands until it is connected again. Give it `enableOfflineQueue: false` and a
 * `commandTimeout`, so that a Redis that is down is known to be down.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromDriver = (driver: Driver): RedisCommands => ({
  command: (name, ...args) => Effect.tryPromise({ try: () => driver.call(name, [...args]), catch: (error) => error })
})

/**
 * What a failure says: the innermost of what caused it says most.
 *
 * @since 0.1.0
 * @category getters
 */
export const reasonOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "cause") && error.cause instanceof Error) return reasonOf(error.cause)
  if (Predicate.hasProperty(error, "reason") && typeof error.reason === "string") return error.reason
  return error instanceof Error ? error.message : String(error)
}
