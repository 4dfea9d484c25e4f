/**
 * A page that shows receipts: live from a server, or carried in one file. It has no framework, no build step, and loads
 * nothing from elsewhere.
 *
 * @since 0.1.0
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
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
 * Where it is served: the page at `/`, its scripts and its style.
 *
 * @since 0.1.0
 * @category assets
 */
export const paths: ReadonlyArray<`/${string}`> = [
  "/",
  "/Main.js",
  "/Live.js",
  "/Stats.js",
  "/Waterfall.js",
  "/Style.css"
]

/**
 * What is served, by path. They are read from their files once, when it is called.
 *
 * @since 0.1.0
 * @category assets
 */
export const assets = (): ReadonlyMap<`/${string}`, Asset> => {
  const head = `<link rel="stylesheet" href="/Style.css">\n<script type="module" src="/Main.js"></script>`
  return new Map(
    paths.map((path) => {
      if (path === "/") return [path, asset("text/html", document({ title: "muster", head, hint: live }))]
      return [path, asset(path.endsWith(".js") ? "text/javascript" : "text/css", textOf(path.slice(1)))]
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

/**
 * One page that carries its receipts, its scripts and its style in itself, to be sent to others or kept. It asks nobody.
 *
 * @since 0.1.0
 * @category reports
 */
export const report = (receipts: ReadonlyArray<Receipt>, title: string): string => {
  const script = ["Waterfall.js", "Stats.js", "Live.js", "Main.js"].map(enclosed).join("\n")
  const style = textOf("Style.css")
  const allowed = policy(hashOf(script), hashOf(style), "'none'")
  const head = [
    `<meta http-equiv="content-security-policy" content="${escaped(allowed)}">`,
    `<style>${style}</style>`,
    // No text of a receipt may end the script that it stands in.
    `<script type="application/json" id="receipts">${JSON.stringify(receipts).replaceAll("<", "\\u003c")}</script>`,
    `<script type="module">${script}</script>`
  ].join("\n")
  return document({ title, head, hint: "There is no receipt in it." })
}

/** A module as a part of one script, which has what the module exports, and no name of it besides. */
const enclosed = (name: string) => {
  const text = textOf(name).replaceAll(/^import .*\n/gm, "")
  const exported = Array.from(text.matchAll(/^export const (\w+)/gm), ([, name]) => name).join(", ")
  return `const { ${exported} } = (() => {\n${text.replaceAll(/^export /gm, "")}\nreturn { ${exported} }\n})()`
}

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`

/** The same file whether this runs from `src` or from `dist`. */
const textOf = (name: string) => readFileSync(new URL(`../src/Page/${name}`, import.meta.url), "utf8")

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(`"`, "&quot;")

const live = `Nothing has been asked yet. Ask the server something, for example:
<code>curl "http://127.0.0.1:8080/dashboard?id=42"</code>`

const outcomes = ["succeeded", "partial", "failed", "timed-out", "cancelled"]

const document = ({ head, hint, title }: { readonly title: string; readonly head: string; readonly hint: string }) =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
${head}
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
<span id="count" role="status"></span>
<span id="state" role="status"></span>
</header>
<form id="login" hidden>
<label>Admin token <input id="token" type="password" autocomplete="off"></label>
<button>Show</button>
</form>
<form id="filters" aria-label="Filters">
<label>Endpoint <select id="endpoint"><option value="">all</option></select></label>
<label>Outcome <select id="outcome"><option value="">all</option>${outcomes.map((name) => `<option>${name}</option>`).join("")}</select></label>
<label>Source <select id="source"><option value="">all</option></select></label>
<label>At least (ms) <input id="duration" type="number" min="0" value="0"></label>
<label>Text <input id="text" type="search"></label>
<button id="pause" type="button" aria-pressed="false">Pause</button>
</form>
<p id="none">${hint}</p>
<details open>
<summary>Sources</summary>
<div id="sums" class="scroll" tabindex="0" role="region" aria-label="Sources"></div>
</details>
<main>
<ol id="list" aria-label="Aggregations, the latest first"></ol>
<section id="receipt" aria-label="The open aggregation"></section>
</main>
</body>
</html>
`
