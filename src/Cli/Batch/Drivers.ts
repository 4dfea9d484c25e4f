/**
 * What `muster batch` needs and `main` picks.
 *
 * @since 0.1.0
 */
import { Context, Layer, type Redacted } from "effect"
import { type Ledger, LedgerUnavailable } from "../../Batch/Ledger.ts"

/**
 * What `main` picks. Without it there is no ledger.
 *
 * @since 0.1.0
 * @category services
 */
export class BatchDrivers extends Context.Reference<BatchDrivers>()("effect-muster/Cli/BatchDrivers", {
  defaultValue: (): {
    /** The ledger in a file of SQLite, or at a URL of Postgres. */
    readonly ledger: (where: Redacted.Redacted) => Layer.Layer<Ledger, { readonly message: string }>
    /** How this program is called, for commands that it tells to type. */
    readonly program: string
  } => ({
    ledger: () => Layer.fail(new LedgerUnavailable({ reason: "this program has no drivers for one" })),
    program: "muster"
  })
}) {}
