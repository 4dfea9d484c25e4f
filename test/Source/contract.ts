/**
 * The one suite that every adapter passes, against its real server, through a proxy that delays, freezes, cuts and refuses.
 */
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import * as Servers from "../Servers.ts"
import { type Adapter, type Form, forms, makeServer, Server, type Test } from "./contract/Adapter.ts"
import { answers } from "./contract/Answers.ts"
import { cancels } from "./contract/Cancels.ts"
import { faults } from "./contract/Faults.ts"
import { networks } from "./contract/Networks.ts"

export type { Adapter, LayerOptions, Watch } from "./contract/Adapter.ts"

const maxConnections = 10

/** The short form belongs in a `*.test.ts`, the long one in a `*.proof.ts`. */
export const suite = <R>(adapter: Adapter<R>, form: keyof typeof forms): void =>
  describeWith(adapter, () => {
    const much: Form = forms[form]
    // Not `layer` of @effect/vitest: it changes `it.effect` for good, also in files that run later in the same worker.
    const runtime = ManagedRuntime.make(Layer.scoped(Server, makeServer(adapter)({ maxConnections })))
    beforeAll(() => runtime.runPromise(Effect.void), 60_000)
    afterAll(() => runtime.dispose(), 60_000)
    const test: Test = (title, body, timeout = 60_000) =>
      it.scopedLive(title, () => Effect.provide(body(), runtime), timeout)
    const cancel: Test = (title, body) => test(title, body, 30_000 + much.cancels * 300)

    cancels(cancel, adapter, much)
    answers(test, adapter)
    if (adapter.isEmbedded) return
    networks(test, adapter, much)
    faults(test, adapter)
  })

const describeWith = <R>({ kind, name }: Adapter<R>, body: () => void) =>
  typeof kind === "string" ? Servers.suite(kind, name, body) : void describe(name, body)
