/**
 * Listens to signals that many calls share.
 *
 * @since 0.1.0
 */

const listeners = new WeakMap<AbortSignal, { readonly calls: Set<() => void>; readonly heard: () => void }>()

/**
 * Calls back once when the signal is aborted; returns a way to stop listening.
 *
 * However many calls listen, the signal has one listener: a signal for the whole process may have thousands of calls, and
 * Node warns of a leak from the eleventh listener on. When the last call stops listening, the listener is removed.
 *
 * @since 0.1.0
 * @category signals
 */
export const onAbort = (signal: AbortSignal, call: () => void): (() => void) => {
  const { calls, heard } = listeners.get(signal) ?? listen(signal)
  calls.add(call)
  return () => {
    if (!calls.delete(call) || calls.size > 0) return
    listeners.delete(signal)
    signal.removeEventListener("abort", heard)
  }
}

const listen = (signal: AbortSignal) => {
  const calls = new Set<() => void>()
  const heard = () => Array.from(calls).forEach((call) => call())
  const listener = { calls, heard }
  listeners.set(signal, listener)
  signal.addEventListener("abort", heard)
  return listener
}
