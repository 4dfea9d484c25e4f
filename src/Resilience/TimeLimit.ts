/**
 * Gives one call a limit of its own inside the deadline.
 *
 * @since 0.1.0
 */
import { Context, type Duration, Effect } from "effect"
import { dual } from "effect/Function"
import * as Deadline from "../Deadline.ts"
import * as Options from "../Options.ts"
import { SourceTimedOut } from "../Outcome.ts"
import { Asking, within } from "../Receipt/Asking.ts"
import { Race } from "./Race.ts"

/**
 * Gives a source its own limit inside the deadline: it fails with `SourceTimedOut` at the limit, whatever the effect does,
 * and the ambient deadline inside it is shortened.
 *
 * A gather inside it that has no nearer deadline of its own does not answer first in the instant of the limit: the limit that
 * set a deadline answers for it.
 *
 * `Effect.timeout` in its place would wait for the effect's cleanup.
 *
 * @since 0.1.0
 * @category guards
 */
export const timeLimit: {
  (limit: Duration.DurationInput): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SourceTimedOut, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, limit: Duration.DurationInput): Effect.Effect<A, E | SourceTimedOut, R>
} = dual(
  2,
  <A, E, R>(effect: Effect.Effect<A, E, R>, limit: Duration.DurationInput): Effect.Effect<A, E | SourceTimedOut, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const millis = Options.duration("Source.timeLimit", "limit", limit)
        const asking = yield* Asking
        const until = (yield* Deadline.now) + millis
        const deadline = Math.min(until, yield* Deadline.Current)
        const race = new Race<A, E>()
        let struck = false
        const strike = () => {
          if (struck || race.ended.length > 0) return
          struck = true
          asking.setter(until)?.()
          race.cancel()
          race.ring()
        }
        const inside = within(asking, {
          setter: (other) => (other === until && !struck ? strike : asking.setter(other))
        })
        // Both in one change of the context, which takes 5 us.
        const limited = Effect.mapInputContext(effect, (context: Context.Context<R>) =>
          Context.add(Context.add(context, Deadline.Current, deadline), Asking, inside)
        )
        const call = yield* race.start(limited, asking.inner())
        yield* race
          .within(millis, () => struck || call.exit !== undefined, restore, strike)
          .pipe(Effect.onInterrupt(() => Effect.sync(race.cancel)))
        if (call.exit !== undefined) return yield* race.answer(call)
        race.cancel()
        return yield* new SourceTimedOut({ source: asking.name, limit: millis })
      })
    )
)
