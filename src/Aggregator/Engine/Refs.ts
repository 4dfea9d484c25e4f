/**
 * Fiber refs of sources, which the one who waits for them takes over.
 *
 * @since 0.1.0
 */
import { Effect, FiberRef, FiberRefs } from "effect"

/**
 * Takes over the changes of fiber refs that sources made, as `Fiber.join` does. A source had services of its own, which are no
 * change.
 *
 * @since 0.1.0
 * @category running
 */
export const inherit = (changed: ReadonlyArray<FiberRefs.FiberRefs>) =>
  Effect.forEach(changed, (refs) => Effect.inheritFiberRefs(FiberRefs.delete(refs, FiberRef.currentContext)), {
    discard: true
  })

/**
 * Whether any has been changed. Flags are those of one fiber: whether it can be interrupted, and the like.
 *
 * @since 0.1.0
 * @category getters
 */
export const differs = (refs: FiberRefs.FiberRefs, before: FiberRefs.FiberRefs): boolean => {
  for (const [ref, [[, value]]] of refs.locals)
    if (
      before.locals.get(ref)?.[0][1] !== value &&
      ref !== FiberRef.currentContext &&
      ref !== FiberRef.currentRuntimeFlags
    )
      return true
  return false
}
