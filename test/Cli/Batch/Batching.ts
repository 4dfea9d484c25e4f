/** A module for `muster batch run --module`: a Batch, with ids and classes of its own. */
import { Effect, Schema } from "effect"
import * as Batch from "../../../src/Batch.ts"

export default Batch.make("unused", {
  item: Schema.Struct({ n: Schema.Number }),
  result: Schema.DateFromString,
  id: ({ n }) => `number-${n}`,
  run: ({ n }) => (n === 2 ? Effect.fail("two") : Effect.succeed(new Date(n))),
  classOf: (error) => `no ${error}`
})
