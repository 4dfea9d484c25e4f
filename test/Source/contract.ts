/**
 * The one suite that every adapter passes, against its real server, through a proxy that delays, freezes, cuts and refuses.
 */
import { layer } from "@effect/vitest"
import { Layer } from "effect"
import { describe } from "vitest"
import * as Servers from "../Servers.ts"
import { type Adapter, type Form, forms, makeServer, Server } from "./contract/Adapter.ts"
import { answers } from "./contract/Answers.ts"
import { cancels } from "./contract/Cancels.ts"
import { faults } from "./contract/Faults.ts"
import { networks } from "./contract/Networks.ts"

export type { Adapter, LayerOptions, Watch } from "./contract/Adapter.ts"

const maxConnections = 10

/** The short form belongs in a `*.test.ts`, the long one in a `*.proof.ts`. */
export const suite = <R>(adapter: Adapter<R>, form: keyof typeof forms): void =>
  describeWith(adapter, () =>
    layer(Layer.scoped(Server, makeServer(adapter)({ maxConnections })), {
      excludeTestServices: true,
      timeout: "60 seconds"
    })((it) => {
      const much: Form = forms[form]
      cancels(it, adapter, much)
      answers(it, adapter)
      if (adapter.isEmbedded) return
      networks(it, adapter, much)
      faults(it, adapter, maxConnections)
    })
  )

const describeWith = <R>({ kind, name }: Adapter<R>, body: () => void) =>
  typeof kind === "string" ? Servers.suite(kind, name, body) : void describe(name, body)
