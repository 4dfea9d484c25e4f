/**
 * The signals of sources that are promises.
 *
 * @since 0.1.0
 */
import type { Spec, Task } from "../../Gather/Run.ts"

/** Node warns of a leak when a signal has more listeners than ten, and a source may well add one of its own. */
const most = 8

/**
 * An AbortController costs 2.3 us of CPU (node 20), a third of all that asking a promise costs here. Sources share one where
 * nobody can tell: when no value leaves unless all of them have succeeded. Elsewhere a value that leaves, such as a
 * response whose body is still to be read, must not be aborted with those that are late.
 *
 * @since 0.1.0
 * @category models
 */
export class Signals {
  private shared: AbortController | undefined = undefined
  private sharing = 0
  private reason: DOMException | undefined = undefined

  constructor(
    private readonly spec: Pick<Spec<never, never>, "allOrNothing">,
    private readonly tasks: ReadonlyArray<Task<unknown, unknown, unknown>>
  ) {}

  /** The controller whose signal the task of this index gets. */
  of(index: number): AbortController {
    if (this.spec.allOrNothing !== true || this.tasks[index]!.fallback !== undefined) return new AbortController()
    if (this.shared === undefined || this.sharing === most) {
      this.shared = new AbortController()
      this.sharing = 0
    }
    this.sharing += 1
    return this.shared
  }

  /** Aborts with the reason that a signal has by default; one for all, since making one takes a stack trace. */
  abort(controller: AbortController): void {
    controller.abort((this.reason ??= new DOMException("This operation was aborted", "AbortError")))
  }
}
