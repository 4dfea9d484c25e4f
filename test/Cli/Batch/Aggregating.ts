/** A module for `muster batch run --module`: an Aggregation. */
import { Effect, Schema } from "effect"
import * as Aggregation from "../../../src/Aggregation.ts"
import * as Source from "../../../src/Source.ts"

export default Aggregation.make("sum", {
  input: Schema.Struct({ id: Schema.String, n: Schema.Number }),
  output: Schema.Struct({ sum: Schema.NumberFromString }),
  sources: ({ n }) => ({
    one: Effect.succeed(n),
    other: n === 3 ? new Source.SourceRejected({ source: "other", reason: "no 3", status: 404 }) : Effect.succeed(10)
  }),
  merge: ({ one, other }) => ({ sum: one + other })
})
