/**
 * The documents of the pages, before their scripts fill them.
 *
 * @since 0.1.0
 */

/**
 * Text as a part of a document.
 *
 * @since 0.1.0
 * @category constructors
 */
export const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(`"`, "&quot;")

interface Options {
  readonly title: string
  /** What stands in the head, as HTML. */
  readonly head: string
}

const outcomes = ["succeeded", "partial", "failed", "timed-out", "cancelled"]

/**
 * The page of receipts; the hint is HTML, and says what to do while there is none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const receipts = ({ head, hint, title }: Options & { readonly hint: string }): string =>
  document(
    { title, head },
    `<header>
<h1>${escaped(title)}</h1>
<span id="count"></span>
<span id="now"></span>
<span id="state" role="status"></span>
</header>
<form id="login" hidden>
<label>Admin token <input id="token" type="password" autocomplete="off"></label>
<button>Show</button>
</form>
<p id="none">${hint}</p>
<details id="guards" open hidden>
<summary>Guards</summary>
<div id="standing" class="scroll" tabindex="0" role="region" aria-label="Guards"></div>
</details>
<div id="some">
<form id="filters" aria-label="Filters">
<label>Endpoint <select id="endpoint"><option value="">all</option></select></label>
<label>Outcome <select id="outcome"><option value="">all</option>${outcomes.map((name) => `<option>${name}</option>`).join("")}</select></label>
<label>Source <select id="source"><option value="">all</option></select></label>
<label>At least (ms) <input id="duration" type="number" min="0" value="0"></label>
<label>Text <input id="text" type="search"></label>
<button id="pause" type="button" aria-pressed="false">Pause</button>
</form>
<details open>
<summary>Sources</summary>
<div id="sums" class="scroll" tabindex="0" role="region" aria-label="Sources"></div>
</details>
<main>
<ol id="list" aria-label="Aggregations, the latest first"></ol>
<div id="aside">
<section id="receipt" aria-label="The open aggregation"></section>
<details id="plots" open>
<summary>Over time</summary>
<div id="figures"></div>
</details>
</div>
</main>
</div>`
  )

/**
 * The page of settings.
 *
 * @since 0.1.0
 * @category constructors
 */
export const explained = ({ head, title }: Options): string =>
  document(
    { title, head },
    `<header><h1>${escaped(title)}</h1></header>
<form id="filters" aria-label="What is shown">
<label>Latency <select id="latency"><option>p50</option><option selected>p95</option><option>p99</option></select></label>
<label>Success <select id="success"><option value="complete">complete</option><option value="answered">complete or partial</option></select></label>
</form>
<main id="settings"></main>`
  )

const document = ({ head, title }: Options, body: string) =>
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
${body}
</body>
</html>
`
