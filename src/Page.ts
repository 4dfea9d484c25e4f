/**
 * Pages that show receipts, live from a server or carried in one file, and what other settings would have done. They have
 * no framework, no build step, and load nothing from elsewhere.
 *
 * @since 0.1.0
 */
import { createHash } from "node:crypto"
import * as Document from "./Page/Document.ts"
import * as Files from "./Page/Files.ts"
import type { Receipt } from "./Receipt.ts"

/**
 * A file of the page, with the headers that it is served with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Asset {
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Where it is served: the page at `/`, its scripts and its styles.
 *
 * @since 0.1.0
 * @category assets
 */
export const paths: ReadonlyArray<`/${string}`> = [
  "/",
  ...Files.live.map((name) => `/${name}` as const),
  ...Files.styles.map((name) => `/${name}` as const)
]

/**
 * What is served, by path. They are read from their files once, when it is called.
 *
 * @since 0.1.0
 * @category assets
 */
export const assets = (): ReadonlyMap<`/${string}`, Asset> => {
  const head = [
    ...Files.styles.map((name) => `<link rel="stylesheet" href="/${name}">`),
    `<script type="module" src="/Main.js"></script>`
  ].join("\n")
  return new Map(
    paths.map((path) => {
      if (path === "/") return [path, asset("text/html", Document.receipts({ title: "muster", head, hint: live }))]
      return [path, asset(path.endsWith(".js") ? "text/javascript" : "text/css", Files.served(path.slice(1)))]
    })
  )
}

/** A page that anybody may frame, or that could load a script from elsewhere, would show receipts to others. */
const policy = (scripts: string, styles: string, connect: string) =>
  `default-src 'none'; script-src ${scripts}; style-src ${styles}; connect-src ${connect}; img-src data:; base-uri 'none'; form-action 'none'`

const asset = (type: string, body: string): Asset => ({
  body,
  headers: {
    "content-type": `${type}; charset=utf-8`,
    "content-security-policy": `${policy("'self'", "'self'", "'self'")}; frame-ancestors 'none'`,
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY"
  }
})

const live = `Nothing has been asked yet. Ask the server something, for example:
<code>curl "http://127.0.0.1:8080/dashboard?id=42"</code>`

/**
 * One page that carries its receipts, its scripts and its style in itself, to be sent to others or kept. It asks nobody.
 *
 * @since 0.1.0
 * @category reports
 */
export const report = (receipts: ReadonlyArray<Receipt>, title: string): string => {
  const head = carrying("receipts", receipts, Files.live)
  return Document.receipts({ title, head, hint: "There is no receipt in it." })
}

/**
 * A number, and where it lies with 95 % confidence.
 *
 * @since 0.1.0
 * @category models
 */
export interface Estimated<A> {
  readonly value: A
  readonly low: A
  readonly high: A
}

/**
 * What to expect of one setting. Shares lie between 0 and 1, times are milliseconds, and `null` is unknown.
 *
 * @since 0.1.0
 * @category models
 */
export interface Setting {
  readonly label: string
  /** Whether it is the one that was recorded. */
  readonly isRecorded: boolean
  readonly shares: Readonly<Record<"complete" | "answered", Estimated<number>>>
  readonly times: Readonly<Record<"p50" | "p95" | "p99", Estimated<number | null>>>
}

/**
 * What to expect of the settings of one aggregation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Explained {
  readonly title: string
  readonly settings: ReadonlyArray<Setting>
  /** The same as text. */
  readonly lines: ReadonlyArray<string>
}

/**
 * One page with a plot for each aggregation: how long the answers take against how many are whole, a mark for each setting.
 * Like {@link report} it has all in itself.
 *
 * @since 0.1.0
 * @category reports
 */
export const explained = (all: ReadonlyArray<Explained>, title: string): string =>
  Document.explained({ title, head: carrying("explained", all, Files.explained) })

/** A head that has data, scripts and styles in it, and allows no others. */
const carrying = (id: string, data: unknown, scripts: ReadonlyArray<string>): string => {
  const script = scripts.map(Files.enclosed).join("\n")
  const style = Files.styles.map(Files.served).join("\n")
  const allowed = policy(hashOf(script), hashOf(style), "'none'")
  return [
    `<meta http-equiv="content-security-policy" content="${Document.escaped(allowed)}">`,
    `<style>${style}</style>`,
    // No text of a receipt may end the script that it stands in.
    `<script type="application/json" id="${id}">${JSON.stringify(data).replaceAll("<", "\\u003c")}</script>`,
    `<script type="module">${script}</script>`
  ].join("\n")
}

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`
