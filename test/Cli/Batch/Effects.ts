/** A module for `muster batch run --module`: a function that gives an effect. */
import { Effect } from "effect"

export default (item: { readonly n: number }) => Effect.delay(Effect.succeed(item.n + 1), 1)
