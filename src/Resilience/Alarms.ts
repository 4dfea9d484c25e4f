/**
 * Instants at which something is due, for any number of those who wait: one fiber sleeps for all of them.
 *
 * A fiber for each would cost more than all else that waiting does.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import * as Cleanup from "../Cleanup.ts"
import * as Deadline from "../Deadline.ts"

/**
 * What rings at an instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Alarm {
  /** When it rings, as `Deadline.now` gives it; it stays the same while the alarm is set. */
  readonly at: number
  /** Where it is kept; -1 when it is not set. */
  slot: number
  /** Called once it is due, when it is no longer set; it must not throw. */
  readonly ring: () => void
}

const watch: Cleanup.Watch<void, never> = {
  name: "alarms",
  ended: () => {},
  cancelled: () => {},
  cleaned: () => {},
  gaveUp: () => {}
}

/**
 * Alarms, in a binary heap: setting one and turning it off cost the logarithm of their number.
 *
 * @since 0.1.0
 * @category models
 */
export class Alarms {
  /** In milliseconds: what is due within a microsecond is due, since clocks that count in floating point are no finer. */
  static readonly tolerance = 1e-3
  private readonly heap: Array<Alarm> = []
  private sleeper: Cleanup.Running<void, never> | undefined
  /** Counts the sleepers; those before the last one are none any more. */
  private round = 0
  /** When the sleeper wakes. */
  private wakes = Infinity

  /** Sets an alarm. It rings once {@link keep} has run after it. */
  set(alarm: Alarm): void {
    alarm.slot = this.heap.length
    this.heap.push(alarm)
    this.rise(alarm)
  }

  /** Turns an alarm off; does nothing when it is not set. */
  off(alarm: Alarm): void {
    if (alarm.slot === -1) return
    this.remove(alarm)
    if (this.heap.length === 0) {
      this.sleeper?.cancel()
      this.rest()
    }
  }

  /** Makes sure that somebody is awake at the next alarm. */
  readonly keep: Effect.Effect<void> = Effect.suspend(() => {
    if (!(this.next < this.wakes)) return Effect.void
    this.sleeper?.cancel()
    this.rest()
    const round = this.round
    this.wakes = this.next
    return Effect.map(Cleanup.start(this.sleep, watch), (sleeper) => {
      if (round === this.round) this.sleeper = sleeper
      else sleeper.cancel()
    })
  })

  private get next(): number {
    return this.heap[0]?.at ?? Infinity
  }

  /** Nobody is awake any more at the next alarm. */
  private rest(): void {
    this.sleeper = undefined
    this.round += 1
    this.wakes = Infinity
  }

  private readonly sleep: Effect.Effect<void> = Effect.suspend(() => {
    const round = this.round
    const turn: Effect.Effect<void> = Effect.flatMap(Deadline.now, (now) => {
      while (this.next - now < Alarms.tolerance) {
        const due = this.heap[0]!
        this.remove(due)
        due.ring()
      }
      if (round !== this.round) return Effect.void
      if (this.heap.length === 0) {
        this.rest()
        return Effect.void
      }
      this.wakes = this.next
      return Effect.zipRight(Effect.sleep(this.next - now), turn)
    })
    return turn
  })

  private remove(alarm: Alarm): void {
    const slot = alarm.slot
    alarm.slot = -1
    const last = this.heap.pop()!
    if (last === alarm) return
    this.put(last, slot)
    this.rise(last)
    this.sink(last)
  }

  private put(alarm: Alarm, slot: number): void {
    this.heap[slot] = alarm
    alarm.slot = slot
  }

  private rise(alarm: Alarm): void {
    while (alarm.slot > 0) {
      const parent = this.heap[(alarm.slot - 1) >> 1]!
      if (parent.at <= alarm.at) return
      this.swap(parent, alarm)
    }
  }

  private sink(alarm: Alarm): void {
    for (;;) {
      const left = this.heap[2 * alarm.slot + 1]
      const right = this.heap[2 * alarm.slot + 2]
      const child = right !== undefined && right.at < left!.at ? right : left
      if (child === undefined || alarm.at <= child.at) return
      this.swap(alarm, child)
    }
  }

  private swap(parent: Alarm, child: Alarm): void {
    const slot = parent.slot
    this.put(parent, child.slot)
    this.put(child, slot)
  }
}
