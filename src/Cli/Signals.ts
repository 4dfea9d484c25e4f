/**
 * What a signal means to a command that goes on until one comes.
 *
 * @since 0.1.0
 */
import { Context } from "effect"

/**
 * What a command may say of signals.
 *
 * @since 0.1.0
 * @category services
 */
export class Signals extends Context.Reference<Signals>()("effect-muster/Cli/Signals", {
  defaultValue: (): {
    /**
     * From now on a signal is how the command ends well, with an exit code of 0. A second one calls `again`, once, where it
     * would end the process at once otherwise.
     */
    readonly expect: (again: () => void) => void
  } => ({ expect: () => {} })
}) {}
