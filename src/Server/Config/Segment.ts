/**
 * The segments of a path in which values stand. A value stays in its segment: the resource that is asked for lies where the file
 * says.
 *
 * A slash in a value would be sent as `%2F`, which RFC 3986 (2.2) calls data; but servers that decode it before they look for the
 * resource (nginx does) find another one. So a value with `/` or `\` is refused, unless the file takes it with `{id|segment}`. Dot
 * segments (`.` and `..`, 3.3) are refused always. A value is decoded once and encoded once: `%2F` in it is sent as `%252F`, and
 * is three characters to every server that decodes once, as 2.4 demands.
 *
 * @since 0.1.0
 */

/**
 * What stands around a value, from slash to slash.
 *
 * @since 0.1.0
 * @category models
 */
export interface Segment {
  readonly before: string
  readonly after: string
}

/**
 * The segments of those parts of a path that are no texts. A part behind the question mark has none.
 *
 * Of what else is filled in between the same slashes it has nothing: that is no dot segment, and neither is this one, so that both
 * together are none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const of = <P extends object>(parts: ReadonlyArray<string | P>): ReadonlyMap<P, Segment> => {
  const mark = parts.findIndex((part) => typeof part === "string" && part.includes("?"))
  const texts = parts
    .slice(0, mark < 0 ? undefined : mark + 1)
    .map((part) => (typeof part === "string" ? part.replace(/\?[^]*/, "") : part))
  const segments = new Map<P, Segment>()
  let open: Array<P> = []
  let text = ""
  const close = () => {
    for (const part of open)
      segments.set(part, { ...segments.get(part)!, after: text.slice(segments.get(part)!.before.length) })
    open = []
    text = ""
  }
  for (const part of texts) {
    if (typeof part !== "string") {
      segments.set(part, { before: text, after: "" })
      open.push(part)
      continue
    }
    part.split("/").forEach((piece, index) => {
      if (index > 0) close()
      text += piece
    })
  }
  close()
  return segments
}

/**
 * Why a value cannot stand in a segment, to be put behind its name; `undefined` if it can. With `slashes` it may have them.
 *
 * @since 0.1.0
 * @category checks
 */
export const wrongWith = (value: string, { after, before }: Segment, slashes: boolean): string | undefined => {
  if (value === "") return "is empty, and stands in a path"
  if (!slashes && /[/\\]/.test(value))
    return `holds "${value.includes("/") ? "/" : "\\"}", which leads to another resource`
  return hasDots(before + value.replaceAll("%", "%25") + after) ? `makes a path with "." or ".." in it` : undefined
}

/**
 * True for a path with a segment of `.` or `..`, also where only a server that decodes the path sees it.
 *
 * @since 0.1.0
 * @category checks
 */
export const hasDots = (path: string): boolean => /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:$|[/\\]|%2f|%5c)/i.test(path)
