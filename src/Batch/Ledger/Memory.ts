/**
 * A ledger in memory, for tests in virtual time and for batches that need not outlive their process.
 *
 * @since 0.1.0
 */
import { Clock, Effect, Layer, Stream } from "effect"
import * as Deadline from "../../Deadline.ts"
import { refuseIds } from "./Stored.ts"
import {
  BatchBusy,
  type Claimed,
  type Counts,
  ItemConflict,
  LeaseLost,
  Ledger,
  type NewItem,
  type Row,
  type Service,
  type Settled
} from "../Ledger.ts"

type Entry = { -readonly [K in Exclude<keyof Row, "absent">]: Row[K] } & {
  /** The last reading of the input that has had it. */
  reading: number
  readonly hash: string
  owner: string | null
  notBefore: number
  took: number
}

interface Batch {
  readonly rows: Map<string, Entry>
  /** Owners that live, and until when without another word from them. */
  readonly owners: Map<string, { until: number; lease: number; exclusive: boolean }>
  input: string | null
  reading: number
  read: number
  offset: number
  sealed: boolean
  cancelled: boolean
  plan: string | undefined
}

/**
 * A ledger of its own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Ledger> = Layer.sync(Ledger, () => make())

/**
 * Makes an empty ledger.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Service => {
  const batches = new Map<string, Batch>()
  const at = <A>(f: (now: number) => A) => Effect.map(Deadline.now, f)

  const open: Service["open"] = (name, owner, { exclusive, lease }) =>
    Effect.flatten(
      at((now) => {
        const batch = batches.get(name) ?? emptyBatch()
        buryTheDead(batch, now)
        const [other] = Array.from(batch.owners).find(([one, it]) => one !== owner && it.exclusive) ?? []
        if (exclusive && other !== undefined) return new BatchBusy({ batch: name, owner: other })
        batches.set(name, batch)
        batch.owners.set(owner, { until: now + lease, lease, exclusive })
        if (exclusive) batch.cancelled = false
        return Effect.void
      })
    )

  const alive = <A>(name: string, owner: string, f: (batch: Batch, now: number) => A) =>
    Effect.flatten(
      at((now) => {
        const batch = batches.get(name)
        const mine = batch?.owners.get(owner)
        if (batch === undefined || mine === undefined) return new LeaseLost({ batch: name, owner })
        mine.until = Math.max(mine.until, now + mine.lease)
        return Effect.succeed(f(batch, now))
      })
    )

  const of = <A>(name: string, missing: A, f: (batch: Batch) => A): Effect.Effect<A> =>
    Effect.sync(() => {
      const batch = batches.get(name)
      return batch === undefined ? missing : f(batch)
    })

  return {
    open,
    renew: (name, owner) =>
      alive(name, owner, (batch, now) => {
        buryTheDead(batch, now)
        return { cancelled: batch.cancelled }
      }),
    cancel: (name) =>
      at((now) => {
        const batch = batches.get(name)
        if (batch === undefined) return false
        buryTheDead(batch, now)
        batch.cancelled = batch.owners.size > 0
        return batch.cancelled
      }),
    close: (name, owner) =>
      of(name, undefined, (batch) => {
        batch.owners.delete(owner)
        for (const row of batch.rows.values()) if (row.owner === owner) giveBack(row)
      }),
    add: (name, items, read, offset = 0) =>
      Effect.zipRight(
        refuseIds(items),
        Effect.flatten(
          of<Effect.Effect<number, ItemConflict>>(name, Effect.succeed(0), (batch) => {
            const { reading, rows } = batch
            const seen = new Map<string, NewItem>()
            for (const item of items) {
              const row = rows.get(item.id)
              const there = seen.get(item.id) ?? row
              const earlier = there === row && row !== undefined && row.reading < reading
              if (there === undefined || (earlier && there.hash === item.hash)) seen.set(item.id, item)
              else if (earlier || there.position !== item.position || there.hash !== item.hash)
                return conflict(name, there, item, earlier)
            }
            let open = 0
            for (const item of seen.values()) {
              const row = rows.get(item.id) ?? entryOf(item, reading)
              if (!rows.has(item.id)) batch.sealed = false
              // Items are claimed in the order in which they are in the map.
              rows.delete(item.id)
              rows.set(item.id, Object.assign(row, { position: item.position, reading }))
              if (row.state === "pending") open += 1
            }
            if (read > batch.read) Object.assign(batch, { read, offset })
            return Effect.succeed(open)
          })
        )
      ),
    begin: (name, input) =>
      of(name, { read: 0, offset: 0 }, (batch) => {
        if (input === null || batch.input !== input)
          Object.assign(batch, { input, reading: batch.reading + 1, read: 0, offset: 0, sealed: false })
        return { read: batch.read, offset: batch.offset }
      }),
    compare: (name, items) =>
      Effect.flatten(
        of<Effect.Effect<void, ItemConflict>>(name, Effect.void, ({ rows }) => {
          for (const item of items) {
            const there = rows.get(item.id)
            if (there !== undefined && there.hash !== item.hash) return conflict(name, there, item, true)
          }
          return Effect.void
        })
      ),
    seal: (name) => of(name, undefined, (batch) => void (batch.sealed = true)),
    claim: (name, owner, most) => alive(name, owner, (batch, now) => claim(batch, owner, most, now)),
    settle: (name, owner, items) =>
      Effect.zipWith(Deadline.now, Clock.currentTimeMillis, (now, date) => {
        const rows = batches.get(name)?.rows
        for (const item of items) {
          const row = rows?.get(item.id)
          if (row !== undefined && row.owner === owner) settle(row, item, now, date)
        }
      }),
    counts: (name) => of<Counts | undefined>(name, undefined, countsOf),
    rows: (name, which = {}) =>
      Stream.suspend(() =>
        Stream.fromIterable(
          Array.from(batches.get(name)?.rows.values() ?? [])
            .filter(({ state }) => which.states === undefined || which.states.includes(state))
            .filter(({ failure }) => which.class === undefined || failure?.class === which.class)
            .sort((a, b) => a.position - b.position)
            .map(({ hash: _, notBefore: __, owner: ___, reading, took: ____, ...row }): Row => {
              return { ...row, absent: reading < (batches.get(name)?.reading ?? 0) }
            })
        )
      ),
    redrive: (name, only) =>
      of(name, 0, ({ rows }) => {
        const again = Array.from(rows.values()).filter(
          ({ failure, state }) => state === "failed" && (only === undefined || failure?.class === only)
        )
        for (const row of again) Object.assign(row, { state: "pending", attempts: 0, endedAt: null, notBefore: 0 })
        return again.length
      }),
    purge: (name) =>
      Effect.flatten(
        at((now) => {
          const batch = batches.get(name)
          if (batch === undefined) return Effect.succeed(0)
          buryTheDead(batch, now)
          const [owner] = batch.owners.keys()
          if (owner !== undefined) return new BatchBusy({ batch: name, owner })
          batches.delete(name)
          return Effect.succeed(batch.rows.size)
        })
      ),
    keepPlan: (name, plan) =>
      Effect.sync(() => {
        const batch = batches.get(name) ?? emptyBatch()
        batches.set(name, batch)
        batch.plan = plan
      }),
    plan: (name) => of(name, undefined, ({ plan }) => plan),
    batches: Effect.sync(() => Array.from(batches.keys())),
    nextDue: (name) =>
      at((now) => {
        let due = Infinity
        const batch = batches.get(name)
        for (const { notBefore, reading, state } of batch?.rows.values() ?? [])
          if (state === "pending" && notBefore > 0 && reading === batch?.reading) due = Math.min(due, notBefore)
        return due === Infinity ? undefined : Math.max(0, due - now)
      })
  }
}

const emptyBatch = (): Batch => ({
  rows: new Map(),
  owners: new Map(),
  input: null,
  reading: 0,
  read: 0,
  offset: 0,
  sealed: false,
  cancelled: false,
  plan: undefined
})

const buryTheDead = (batch: Batch, now: number) => {
  for (const [owner, { until }] of batch.owners) {
    if (until > now) continue
    batch.owners.delete(owner)
    for (const row of batch.rows.values()) if (row.owner === owner) giveBack(row)
  }
}

const giveBack = (row: Entry) => {
  row.owner = null
  row.state = "pending"
}

const conflict = (batch: string, first: NewItem | Entry, second: NewItem, earlier: boolean) =>
  new ItemConflict({
    batch,
    id: second.id,
    first: first.position + 1,
    second: second.position + 1,
    same: first.hash === second.hash,
    earlier
  })

const entryOf = ({ hash, id, item, position }: NewItem, reading: number): Entry => ({
  reading,
  id,
  position,
  hash,
  item,
  state: "pending",
  attempts: 0,
  result: null,
  failure: null,
  endedAt: null,
  owner: null,
  notBefore: 0,
  took: 0
})

const claim = (batch: Batch, owner: string, most: number, now: number): ReadonlyArray<Claimed> => {
  buryTheDead(batch, now)
  const claimed: Array<Claimed> = []
  for (const row of batch.rows.values()) {
    if (claimed.length === most) break
    if (row.state !== "pending" || row.reading < batch.reading || row.notBefore > now) continue
    row.state = "running"
    row.owner = owner
    claimed.push({ id: row.id, position: row.position, item: row.item, attempts: row.attempts })
  }
  return claimed
}

const settle = (row: Entry, item: Settled, now: number, date: number) => {
  row.owner = null
  row.state = item.to === "done" || item.to === "failed" ? item.to : "pending"
  row.attempts += 1
  row.took += item.took
  if (item.to === "done") row.result = item.result
  row.failure = item.to === "done" ? null : item.failure
  row.notBefore = item.to === "again" ? now + item.wait : 0
  row.endedAt = item.to === "again" ? null : date
}

const countsOf = ({ input, offset, read, reading, rows, sealed }: Batch): Counts => {
  const none = { pending: 0, running: 0, done: 0, failed: 0, absent: 0, leftOut: 0, attempts: 0, took: 0 }
  const counts = { ...none, input, read, offset, sealed }
  for (const row of rows.values()) {
    const isAbsent = row.reading < reading && row.state !== "running"
    if (isAbsent) counts.absent += 1
    counts[isAbsent && row.state === "pending" ? "leftOut" : row.state] += 1
    counts.attempts += row.attempts
    counts.took += row.took
  }
  return counts
}
