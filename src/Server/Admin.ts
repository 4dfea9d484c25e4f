/**
 * The admin port: metrics, receipts and the health of sources, for whoever runs the server and nobody else.
 *
 * @since 0.1.0
 */
import { Context, Effect, type Redacted, Stream } from "effect"
import { isIP } from "node:net"
import * as Options from "../Options.ts"
import * as Page from "../Page.ts"
import { line } from "../Receipt/Recording.ts"
import * as Accept from "./Accept.ts"
import type { Drain } from "./Drain.ts"
import * as Events from "./Events.ts"
import type { Answer, App, Exchange } from "./Exchange.ts"
import type { Fork } from "./Forking.ts"
import * as Gauges from "./Gauges.ts"
import * as Health from "./Health.ts"
import type { InFlight } from "./InFlight.ts"
import * as Keys from "./Keys.ts"
import * as Metrics from "./Metrics.ts"
import * as Problem from "./Problem.ts"
import * as Prometheus from "./Prometheus.ts"
import type { Recent } from "./Recent.ts"
import * as Reply from "./Reply.ts"
import * as Router from "./Router.ts"

/**
 * What the admin port tells of.
 *
 * @since 0.1.0
 * @category models
 */
export interface AdminOptions {
  readonly host: string
  readonly token: Redacted.Redacted | undefined
  readonly fork: Fork
  readonly drain: Drain
  readonly inFlight: InFlight
  readonly recent: Recent
  /** Milliseconds between two signs of life in a stream. */
  readonly heartbeat: number
}

const told = ["/metrics", "/receipts", "/healthz", "/readyz"]

/**
 * All that is there; it is answered at all times, also while the server drains.
 *
 * @since 0.1.0
 * @category models
 */
export const paths: ReadonlySet<string> = new Set([...Page.paths, ...told])

/** What is said to whoever asks for something else. */
const hint = `There is /, ${told.join(", ")}`

/**
 * The application of the admin port:
 *
 * - `GET /`: the page that shows the receipts as they come. It has nothing in it, and so needs no token; it asks for one.
 * - `GET /metrics`: all metrics of the process, for Prometheus.
 * - `GET /receipts`: the last 1,000 receipts as lines of JSON; with `Accept: text/event-stream` those that come as well,
 *   and what is in flight and how the guards stand, whenever that has changed.
 * - `GET /healthz`, `GET /readyz`: the probes; they need no token.
 *
 * A host that is no loopback needs a token, or an `InvalidOption` is raised. Without a token only requests to a name of
 * the loopback are answered: a page in a browser could ask under a name of its own that leads here.
 *
 * @since 0.1.0
 * @category handlers
 */
export const make = (options: AdminOptions): App => {
  const { drain, host, inFlight, recent, token } = options
  if (token === undefined && !isLoopback(host))
    Options.refuse("Server.layer", "admin.host", host, "127.0.0.1 unless there is an admin.token")
  const keys = token === undefined ? undefined : Keys.make([token])
  const mayAsk = ({ headers }: Exchange) =>
    keys === undefined ? isLoopback(hostOf(headers["host"])) : keys.admit(headers) !== undefined
  const refused = Problem.respond(keys === undefined ? misdirected : Problem.unauthorized)
  const guarded =
    (handler: (exchange: Exchange) => Answer): Router.Route["handler"] =>
    (exchange) =>
      mayAsk(exchange) ? handler(exchange) : refused
  const get = (path: Router.Route["path"], handler: Router.Route["handler"]): Router.Route => ({
    method: "GET",
    path,
    handler
  })
  const assets = Array.from(Page.assets(), ([path, { body, headers }]) => {
    const page = Reply.make(body, { headers, type: headers["content-type"]! })
    return get(path, keys === undefined ? guarded(() => page) : () => page)
  })
  return Router.make(
    [
      ...assets,
      get("/metrics", guarded(metrics(options))),
      get("/receipts", guarded(receipts(options))),
      get("/healthz", Health.live),
      get("/readyz", (exchange) => Health.ready(drain, inFlight, recent, mayAsk(exchange) ? "details" : "summary"))
    ],
    hint
  )
}

/**
 * Whether only this machine reaches a host.
 *
 * @since 0.1.0
 * @category getters
 */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."))

const hostOf = (header = ""): string => header.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1")

const misdirected = Problem.make("misdirected", "Ask for localhost, or give the server an admin token")

const metrics =
  ({ fork, inFlight }: AdminOptions) =>
  () => {
    const text = Effect.zipRight(Metrics.sample(inFlight), Prometheus.text)
    const reply = (text: string) => Reply.make(text, { type: Prometheus.contentType, headers: uncached })
    return fork(Effect.map(text, reply), Context.empty())
  }

const uncached = { "cache-control": "no-store" }

const receipts =
  ({ drain, heartbeat, inFlight, recent }: AdminOptions) =>
  (exchange: Exchange): Answer => {
    const form = Accept.choose(exchange.headers["accept"])
    if (form !== "sse") {
      const lines = Stream.encodeText(Stream.map(Stream.fromIterable(recent.receipts()), line))
      return Reply.make(lines, { type: Accept.types.ndjson, headers: uncached })
    }
    return Events.respond({
      form,
      exchange,
      heartbeat,
      overflow: "drop",
      run: (write) => {
        write("start", {})
        return Effect.suspend(() => {
          // It has no end of its own, and would hold up the drain.
          const stop = drain.on("draining", () => exchange.close?.())
          const states = Stream.runForEach(Gauges.changes(inFlight), (gauges) =>
            Effect.sync(() => write("gauges", gauges))
          )
          const told = Stream.runForEach(recent.follow, (receipt) =>
            Effect.sync(() => write("receipt", receipt, receipt.id))
          )
          const both = Effect.scoped(Effect.zipRight(Effect.forkScoped(states), told))
          return Effect.ensuring(both, Effect.sync(stop))
        })
      }
    })
  }
