/**
 * What the guards around one source did, as it happens.
 *
 * @since 0.1.0
 */
import type { Attempt, Guards, Refused, Served, Unhedged } from "../Receipt.ts"

/**
 * At most this many attempts of one source are listed; all are counted.
 *
 * @since 0.1.0
 * @category models
 */
export const maxAttempts = 100

/**
 * Collects what guards say of one source.
 *
 * @since 0.1.0
 * @category models
 */
export class Guarding {
  /** Milliseconds, of all its waits together. */
  queued = 0
  served: Served | null = null
  refused: Refused | null = null
  unhedged: Unhedged | undefined = undefined
  private calls = 0
  private readonly attempts: Array<{ -readonly [K in keyof Attempt]: Attempt[K] }> = []

  constructor(private readonly now: () => number) {}

  /** A call goes out now; what it gives back is called when the call has ended. */
  attempt(kind: Attempt["kind"]): (outcome: Attempt["outcome"], error?: Attempt["error"]) => void {
    // The call whose connection was dead counts also where no guard has counted it.
    this.calls += kind === "reconnect" && this.calls === 0 ? 2 : 1
    if (this.attempts.length === maxAttempts) return () => {}
    const attempt: (typeof this.attempts)[number] = { kind, start: this.instant(), end: null, outcome: null }
    this.attempts.push(attempt)
    return (outcome, error) => {
      attempt.end = this.instant()
      attempt.outcome = outcome
      if (error !== undefined) attempt.error = error
    }
  }

  receipt(): Guards {
    const { calls, queued, refused, served, unhedged } = this
    const attempts = this.attempts.map((attempt) => ({ ...attempt }))
    const guards = { calls, attempts, queued: Math.round(queued * 1_000) / 1_000, served, refused }
    return unhedged === undefined ? guards : { ...guards, unhedged }
  }

  private instant(): number {
    return Math.round(this.now() * 1_000) / 1_000
  }
}
