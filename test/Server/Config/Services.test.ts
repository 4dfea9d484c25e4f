import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Layer, Option } from "effect"
import * as Config from "../../../src/Server/Config.ts"
import { Drivers } from "../../../src/Source.ts"
import { drivers, within, written } from "./files.ts"

describe("the services of a file", () => {
  it.scoped("raise a bug of a driver as it is, and not as a mistake in the file", () =>
    Effect.gen(function* () {
      const file = yield* written(`services:
  users: { http: "http://users.internal" }
endpoints:
  user: { sources: { user: { ask: users, get: "/" } } }
`)
      const bug = new TypeError("a bug")
      const broken = Layer.map(
        drivers(() => Effect.void),
        (context) => Context.make(Drivers, { ...Context.get(context, Drivers), http: () => Effect.die(bug) })
      )
      const cause = yield* Effect.sandbox(Config.load(file)).pipe(Effect.provide(broken), within({}), Effect.flip)

      assert.strictEqual(Option.getOrUndefined(Cause.dieOption(cause)), bug)
    })
  )
})
