/**
 * What a URL says of whom to ask, and for what.
 *
 * @since 0.1.0
 */

/**
 * What is asked for, and where.
 *
 * @since 0.1.0
 * @category models
 */
export interface Target {
  readonly origin: string
  readonly hostname: string
  /** Empty for that of the protocol. */
  readonly port: string
  /** Without the query, which may hold what is nobody's business. */
  readonly pathname: string
  /** As it is sent: with the query. */
  readonly path: string
  /** The header for the credentials of the URL; undici passes over them, and here they mean what they mean everywhere. */
  readonly authorization: string | undefined
}

/**
 * The target of a URL; `undefined` for what is no whole URL of http or https.
 *
 * @since 0.1.0
 * @category constructors
 */
export const of = (url: URL | undefined): Target | undefined =>
  url === undefined || !/^https?:$/.test(url.protocol)
    ? undefined
    : {
        origin: url.origin,
        hostname: url.hostname,
        port: url.port,
        pathname: url.pathname,
        path: url.pathname + url.search,
        authorization: credentials(url)
      }

/**
 * Targets at the paths that are appended to a URL.
 *
 * @since 0.1.0
 * @category constructors
 */
export const below = (base: string): ((path: string) => Target | undefined) => {
  const whole = parse(base)
  const at = of(whole)
  // A base with a query, say, has paths appended to that.
  const isPlain = at !== undefined && whole!.search === "" && whole!.hash === "" && !base.endsWith("?")
  const folder = at?.pathname.replace(/\/+$/, "") ?? ""
  return (path) => {
    // To read a URL changes nothing about such a path.
    if (!isPlain || !plain.test(path)) return of(parse(base + path))
    const end = path.indexOf("?")
    return { ...at, pathname: folder + (end < 0 ? path : path.slice(0, end)), path: folder + path }
  }
}

/** A path and a query that stay as they are in a URL: nothing that is encoded in one, and no steps to other folders. */
const plain = /^(?:\/(?!\.|%2e)[\w.~!$&()*+,;=:@%-]*)+(?:\?[\w.~!$&()*+,;=:@%/?-]+)?$/i

const parse = (url: string): URL | undefined => (URL.canParse(url) ? new URL(url) : undefined)

const credentials = ({ password, username }: URL): string | undefined =>
  username === "" && password === "" ? undefined : `Basic ${btoa(`${decoded(username)}:${decoded(password)}`)}`

const decoded = (text: string) => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
