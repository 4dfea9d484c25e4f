/**
 * What a file may say of guards: those that protect a service stand with the service, and all its sources share them;
 * those that are about one question stand with the source.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as Options from "../../../Options.ts"
import type { Lookup } from "../Environment.ts"
import * as Setting from "../Setting.ts"
import { may, must } from "./Member.ts"

/**
 * The guards around each call to a service.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ofService = (env: Lookup) => ({
  timeLimit: may(Setting.of(env, Setting.duration), "How long one call may take"),
  breaker: may(breaker(env), "Stops asking while it keeps failing: after 5 failures in a row, or by its members"),
  bulkhead: may(bulkhead(env), "How many calls it is sent at once; the others wait for a place"),
  rateLimit: may(rateLimit(env), "How many calls it is sent in a time, like 50/s; the others wait for their turn")
})

/**
 * The guards around a source.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ofSource = (env: Lookup) => ({
  timeLimit: may(Setting.of(env, Setting.duration), "How long it may take in all, with retries and waiting"),
  retry: may(retry(env), "Calls again after a failure that may pass; a number is how many calls in all"),
  hedge: may(
    hedge(env),
    "Makes a second call when the first is slow: after a time like 100ms, or a percentile like p95"
  ),
  cache: may(cache(env), "Answers the same question from memory for so long"),
  once: may(Setting.of(env, Setting.yesOrNo), "It must not be asked twice; default true for what is no GET")
})

const retry = (env: Lookup) =>
  Schema.Union(
    Setting.of(env, Setting.count(1)),
    Schema.Struct({
      attempts: may(Setting.of(env, Setting.count(1)), "How many calls in all; default 3"),
      delay: may(Setting.of(env, Setting.duration), "The longest wait before the second; each after it twice as long"),
      maxDelay: may(Setting.of(env, Setting.duration), "The longest wait of all; default 10s"),
      budget: may(Setting.of(env, Setting.share), "The share of the calls that may be retries; default 20%")
    })
  )

const hedge = (env: Lookup) =>
  Schema.Union(
    Setting.of(env, hedgeDelay),
    Schema.Struct({
      after: must(Setting.of(env, hedgeDelay), "When to make it"),
      criticalPath: may(Setting.of(env, Setting.yesOrNo), "Only while the answer waits for this source; default false"),
      budget: may(Setting.of(env, Setting.share), "The share of the calls that may be second ones; default 5%")
    })
  )

/**
 * When to make a second call: after milliseconds, or after a share of the calls has ended.
 *
 * @since 0.1.0
 * @category models
 */
export type HedgeDelay = { readonly millis: number } | { readonly percentile: number }

const hedgeDelay: Setting.Kind<HedgeDelay> = {
  expected: `a duration like "100ms", or a percentile like "p95"`,
  read: (text) => {
    const percent = /^p(\d{1,2}(?:\.\d+)?)$/.exec(text)
    const millis = percent === null ? Options.parseDuration(text) : undefined
    if (millis !== undefined) return { millis }
    return Number(percent?.[1]) > 0 ? { percentile: Number(percent?.[1]) / 100 } : undefined
  },
  editor: { type: "string", minLength: 1 },
  hint: Setting.duration.hint
}

const breaker = (env: Lookup) =>
  Schema.Union(
    Setting.of(env, { ...Setting.count(1), expected: "a number of failures in a row, or names and values" }),
    Schema.Struct({
      failures: may(Setting.of(env, Setting.count(1)), "Opens after so many failures in a row"),
      rate: may(Setting.of(env, Setting.share), "Opens when this share of the calls has failed; default 50%"),
      window: may(Setting.of(env, Setting.duration), "Calls count for so long; default 10s"),
      minimum: may(Setting.of(env, Setting.count(1)), "Never opens on fewer calls than these; default 20"),
      openFor: may(Setting.of(env, Setting.duration), "How long it asks nothing; default 5s"),
      probes: may(Setting.of(env, Setting.count(1)), "How many calls must succeed then; default 1"),
      slowAfter: may(Setting.of(env, Setting.duration), "A call that takes longer has failed")
    })
  )

const bulkhead = (env: Lookup) =>
  Schema.Union(
    Setting.of(env, Setting.count(1)),
    Schema.Struct({
      limit: must(Setting.of(env, Setting.count(1)), "Calls at once"),
      queue: may(Setting.of(env, Setting.count(0)), "How many may wait, the others are refused; default 1000")
    })
  )

/**
 * So many in so many milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rate {
  readonly limit: number
  readonly per: number
}

const rate: Setting.Kind<Rate> = {
  expected: `a rate like "50/s" or "1000/10m"`,
  read: (text) => {
    const [, limit, per = ""] = /^([1-9]\d*)\s*\/\s*(.+)$/.exec(text.trim()) ?? []
    const millis = Options.parseDuration(/^\d/.test(per) ? per : `1${per}`)
    return limit === undefined || !millis || !Number.isSafeInteger(Number(limit))
      ? undefined
      : { limit: Number(limit), per: millis }
  },
  editor: { type: "string", pattern: "/|\\$\\{" },
  hint: (text) => (/^\d+$/.test(text) ? `; did you mean "${text}/s"?` : "")
}

const rateLimit = (env: Lookup) =>
  Schema.Union(
    Setting.of(env, rate),
    Schema.Struct({
      rate: must(Setting.of(env, rate), "Such as 50/s"),
      burst: may(Setting.of(env, Setting.count(1)), "How many are saved up while nobody asks; default a tenth")
    })
  )

const cache = (env: Lookup) =>
  Schema.Union(
    Setting.of(env, Setting.duration),
    Schema.Struct({
      ttl: must(Setting.of(env, Setting.duration), "How long an answer is as good as new"),
      staleWhileRevalidate: may(
        Setting.of(env, Setting.duration),
        "So much longer it is given while a new one is asked for"
      ),
      staleIfError: may(Setting.of(env, Setting.duration), "So long after that it is given when there is no new one"),
      capacity: may(Setting.of(env, Setting.count(1)), "How many answers are kept; default 1000")
    })
  )
