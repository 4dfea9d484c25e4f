/**
 * A page about what is served: one file, without scripts, and nothing that it loads from elsewhere.
 *
 * @since 0.1.0
 */
import { createHash } from "node:crypto"
import type { Endpoint } from "./Endpoint.ts"
import { fieldsOf } from "./Input.ts"
import type { Info } from "./OpenApi.ts"
import { kinds } from "./Problem.ts"
import * as Reply from "./Reply.ts"

const style = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.5 ui-monospace,monospace}
pre{padding:.75rem 1rem;overflow-x:auto;background:#8881;border-radius:.4rem}
h2{margin:2.5rem 0 .5rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem 1rem .3rem 0;border-bottom:1px solid #8884;vertical-align:top}
:target{background:#fd03}`

/**
 * The headers of the page: it may use its own style, and nothing else.
 *
 * @since 0.1.0
 * @category models
 */
export const headers: Readonly<Record<string, string>> = {
  "content-security-policy":
    `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; ` +
    `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY"
}

/**
 * The page.
 *
 * @since 0.1.0
 * @category responses
 */
export const respond = (endpoints: ReadonlyArray<Endpoint<unknown>>, info: Info): Reply.Reply =>
  Reply.make(page(endpoints, info), { type: "text/html; charset=utf-8", headers })

const page = (endpoints: ReadonlyArray<Endpoint<unknown>>, { title, version }: Info): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p>${version === undefined ? "" : `Version ${escaped(version)}. `}The same for machines: <a href="/openapi.json">OpenAPI 3.1</a>.</p>
${endpoints.map(section).join("\n")}
<h2 id="wishes">What a request may wish for</h2>
${table(["Header", "Means"], wishes)}
<h2 id="problems">Problems</h2>
<p>An error is <code>application/problem+json</code> (RFC 9457), and names the source where there is one.</p>
${table(
  ["Status", "Type", "Means"],
  Object.entries(kinds).map(([kind, [status, title]]) => [String(status), `<span id="${kind}">${kind}</span>`, title])
)}
</body>
</html>
`

const wishes = [
  ["<code>Prefer: handling=lenient</code>", "what there is at the deadline, where the endpoint allows it"],
  ["<code>Prefer: handling=strict</code>", "all of it, or the first failure at once"],
  ["<code>Prefer: wait=2</code>", "an answer within 2 seconds; so do <code>grpc-timeout</code> and its like"],
  [
    "<code>Prefer: return=representation; muster-receipt</code>",
    "the receipt beside the answer; so does <code>?receipt</code>"
  ],
  ["<code>Accept: text/event-stream</code>", "each source as it arrives, then the answer and the receipt"],
  ["<code>Accept: application/x-ndjson</code>", "the same as lines of JSON"]
]

const handlings = {
  strict: "All of it, or the first failure at once.",
  lenient: "What there is at its deadline."
}

const section = (endpoint: Endpoint<unknown>): string => {
  const fields = Array.from(fieldsOf(endpoint.input), ([name, { kind, list }]) => [
    `<code>${escaped(name)}</code>`,
    endpoint.params.includes(name) ? "path" : endpoint.method === "GET" ? "query" : "body",
    list ? `several: ${kind}` : kind
  ])
  return `<h2 id="${escaped(endpoint.name)}"><code>${endpoint.method} ${escaped(endpoint.path)}</code></h2>
${endpoint.description === undefined ? "" : `<p>${escaped(endpoint.description)}</p>`}
<p>${handled(endpoint)}${endpoint.keys === undefined ? "" : " It needs an API key."}</p>
${fields.length === 0 ? "" : table(["Field", "In", "Is"], fields)}`
}

const handled = ({ handling, otherwise }: Endpoint<unknown>): string => {
  if (handling !== "either") return handlings[handling]
  const other = otherwise === "strict" ? "lenient" : "strict"
  return `${handlings[otherwise]} With <code>Prefer: handling=${other}</code>: ${handlings[other].toLowerCase()}`
}

/** The cells are HTML. */
const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const row = (cells: ReadonlyArray<string>, tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`
  return `<table>\n${[row(head, "th"), ...rows.map((cells) => row(cells, "td"))].join("\n")}\n</table>`
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
