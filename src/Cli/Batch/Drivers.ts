/**
 * What `muster batch` needs and `main` picks.
 *
 * @since 0.1.0
 */
import type { MessageStorage } from "@effect/cluster/MessageStorage"
import type { Sharding } from "@effect/cluster/Sharding"
import { Context, Layer, type Redacted } from "effect"
import type { Engine } from "../../Batch/Engine.ts"
import { type Ledger, LedgerUnavailable } from "../../Batch/Ledger.ts"
import type { Store } from "../../Resilience/RateLimit.ts"

/** Why something could not be opened. */
type Problem = { readonly message: string }

/**
 * How processes work at one batch, at the URL of a Postgres.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cluster {
  /** Leaves the items to workers. */
  readonly engine: (where: Redacted.Redacted) => Layer.Layer<Engine, Problem>
  /** What a worker needs to join, and to keep a rate together with the others. */
  readonly joining: (
    where: Redacted.Redacted,
    address: { readonly host?: string | undefined; readonly port?: number | undefined }
  ) => Layer.Layer<Sharding | MessageStorage | Store, Problem>
}

/**
 * What `main` picks. Without it there is no ledger.
 *
 * @since 0.1.0
 * @category services
 */
export class BatchDrivers extends Context.Reference<BatchDrivers>()("effect-muster/Cli/BatchDrivers", {
  defaultValue: (): {
    /** The ledger in a file of SQLite, or at a URL of Postgres. */
    readonly ledger: (where: Redacted.Redacted) => Layer.Layer<Ledger, Problem>
    readonly cluster?: Cluster | undefined
    /** How this program is called, for commands that it tells to type. */
    readonly program: string
  } => ({
    ledger: () => Layer.fail(new LedgerUnavailable({ reason: "this program has no drivers for one" })),
    program: "muster"
  })
}) {}
