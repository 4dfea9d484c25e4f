/**
 * Picks which receipts a recording keeps: failures and slow ones first, of the rest a share, each with its weight.
 *
 * @since 0.1.0
 */
import type { Receipt } from "../../Receipt.ts"
import * as Latency from "../../Resilience/Latency.ts"

/**
 * How much is kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface SamplerSettings {
  /** The share kept of the answers that are complete and not slow. */
  readonly rate: number
  /** How many receipts of each kind are held between two calls of `take`. */
  readonly most: number
  /** Random numbers between 0 and 1. */
  readonly random: () => number
}

/** Slower than this share of the answers of the last minute is slow. */
const slow = 0.95

/** What takes 20 kB is kept for so many names of aggregations; the others share one. */
const mostNames = 100

/** A receipt of a hundred thousand items is as large as a thousand of a hundred. */
const mostSources = 100_000

/** Receipts of one kind, each with the same chance. */
class Pool {
  private kept: Array<Receipt> = []
  private seen = 0
  private sources = 0
  private size: number

  constructor(
    private readonly most: number,
    private readonly random: () => number
  ) {
    this.size = most
  }

  /** @see J. S. Vitter, Random Sampling with a Reservoir, 1985 (algorithm R) */
  add(receipt: Receipt): void {
    this.seen += 1
    const place = this.kept.length < this.size ? this.kept.length : Math.floor(this.random() * this.seen)
    if (place >= this.size) return
    this.sources += receipt.sources.length - (this.kept[place]?.sources.length ?? 0)
    this.kept[place] = receipt
    while (this.sources > mostSources && this.kept.length > 1) this.shrink()
  }

  /** Those kept, each weighing as many as it stands for. Begins anew. */
  take(of: number): ReadonlyArray<Receipt> {
    const weight = (of * this.seen) / this.kept.length
    const taken = this.kept.map((receipt) => (weight > 1 ? { ...receipt, weight } : receipt))
    this.kept = []
    this.seen = this.sources = 0
    this.size = this.most
    return taken
  }

  /** Which one goes is left to chance, so that the others have the same chance still. */
  private shrink(): void {
    const [gone] = this.kept.splice(Math.floor(this.random() * this.kept.length), 1)
    this.sources -= gone!.sources.length
    this.size = this.kept.length
  }
}

/**
 * Picks receipts. Every receipt has a chance of being kept, and those kept weigh as much as all of them: what is counted by
 * weight is unbiased.
 *
 * @since 0.1.0
 * @category models
 */
export class Sampler {
  private readonly notable: Pool
  private readonly ordinary: Pool
  private readonly latencies = new Map<string, Latency.Latency>()

  constructor(private readonly settings: SamplerSettings) {
    this.notable = new Pool(settings.most, settings.random)
    this.ordinary = new Pool(settings.most, settings.random)
  }

  /** Time is given as `Deadline.now` gives it. */
  add(receipt: Receipt, now: number): void {
    const { random, rate } = this.settings
    if (receipt.outcome !== "succeeded" || this.isSlow(receipt, now)) this.notable.add(receipt)
    else if (random() < rate) this.ordinary.add(receipt)
  }

  /** Those picked since the last time, in the order in which they began. */
  take(): ReadonlyArray<Receipt> {
    return [...this.notable.take(1), ...this.ordinary.take(1 / this.settings.rate)].sort(
      (a, b) => a.startedAt - b.startedAt
    )
  }

  /** Failures are not asked: they are often faster than answers. */
  private isSlow({ aggregation, elapsed }: Receipt, now: number): boolean {
    const name = this.latencies.has(aggregation) || this.latencies.size < mostNames ? aggregation : ""
    const latency = this.latencies.get(name) ?? Latency.make("Recorder")
    this.latencies.set(name, latency)
    const isSlow = elapsed > (latency.percentile(slow, now) ?? Infinity)
    latency.observe(elapsed, now)
    return isSlow
  }
}
