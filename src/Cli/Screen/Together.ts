/**
 * Lines that are written many at once where there are many.
 *
 * @since 0.1.0
 */

/** In milliseconds: for so long lines are held back, once one has been written. */
const pause = 10

/** In characters. */
const most = 65_536

/**
 * Writes lines, those that come in quick succession with one call to the system: a call for each took 7 % of the time
 * of a busy server. A line after a pause is written at once, and none waits longer than 10 ms.
 *
 * Flush it when the process ends. Only a signal that ends a process without asking it takes the lines of its last 10 ms
 * along.
 *
 * @since 0.1.0
 * @category models
 */
export class Together {
  private held = ""
  private timer: NodeJS.Timeout | undefined = undefined

  constructor(private readonly write: (text: string) => void) {}

  line(line: string): void {
    if (this.timer === undefined) {
      this.write(`${line}\n`)
      this.wait()
      return
    }
    this.held += `${line}\n`
    if (this.held.length > most) this.flush()
  }

  /** Writes what is held back. */
  flush(): void {
    const { held } = this
    this.held = ""
    if (held !== "") this.write(held)
  }

  private wait(): void {
    // It keeps no process alive.
    this.timer = setTimeout(() => {
      this.timer = undefined
      if (this.held === "") return
      this.flush()
      this.wait()
    }, pause).unref()
  }
}
