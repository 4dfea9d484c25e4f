/**
 * What probes ask: whether the process lives, and whether it takes requests.
 *
 * @since 0.1.0
 */
import type { Drain } from "./Drain.ts"
import type { InFlight } from "./InFlight.ts"
import type { Recent } from "./Recent.ts"
import * as Reply from "./Reply.ts"

/**
 * `GET /healthz`: there is a process that answers.
 *
 * @since 0.1.0
 * @category handlers
 */
export const live = (): Reply.Reply => Reply.json({ status: "ok" })

/**
 * `GET /readyz`: 200 while it takes requests, 503 while it drains or has as many as it takes.
 *
 * A source that fails does not make it 503: it fails for every instance alike, and with none of them ready nothing at all
 * would be served. With `details` the health of all sources is told; without, only whether all of them are well.
 *
 * @since 0.1.0
 * @category handlers
 */
export const ready = (
  drain: Drain,
  inFlight: InFlight,
  recent: Recent,
  details: "details" | "summary"
): Reply.Reply => {
  const open = drain.phase() === "open"
  const full = inFlight.refuses() !== undefined
  const health = recent.health()
  const status = open ? (full ? "overloaded" : "ready") : "draining"
  const sources = health.every(({ failing }) => failing === 0) ? "well" : "failing"
  const more = details === "details" ? { inFlight: inFlight.count(), sources: health } : { sources }
  return Reply.json({ status, ...more }, { status: status === "ready" ? 200 : 503 })
}
