/**
 * A file to which whole lines are appended, and which makes room for itself.
 *
 * @since 0.1.0
 */
import { type FileHandle, open, rename, rm } from "node:fs/promises"

/**
 * How much stands on the disk at most.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bounds {
  /** A file that would become larger is moved away: to `FILE.1`, that to `FILE.2`, and so on. */
  readonly maxBytes: number
  /** How many files there are at most; the oldest is removed. */
  readonly files: number
}

const unbounded: Bounds = { maxBytes: Infinity, files: 1 }

/**
 * A file of lines. Calls must not overlap; they reject with the error of Node.
 *
 * @since 0.1.0
 * @category models
 */
export class LineFile {
  private constructor(
    private readonly path: string,
    private readonly bounds: Bounds,
    private file: FileHandle
  ) {}

  /** Opens a file, which is made if there is none. Without bounds several processes may append to it. */
  static async open(path: string, bounds: Bounds = unbounded): Promise<LineFile> {
    return new LineFile(path, bounds, await open(path, "a+"))
  }

  /** Appends lines that end with a line break each. */
  async append(lines: ReadonlyArray<string>): Promise<void> {
    let { isFile, isTorn, size } = await this.state()
    // A pipe or a device has no size, and must keep its name.
    const most = isFile ? this.bounds.maxBytes : Infinity
    let text = isTorn ? "\n" : ""
    for (const line of lines) {
      const length = Buffer.byteLength(text) + Buffer.byteLength(line)
      if (size + text.length > 0 && size + length > most) {
        await this.file.appendFile(text)
        await this.rotate()
        size = 0
        text = ""
      }
      text += line
      if (text.length < flushed) continue
      await this.file.appendFile(text)
      size += Buffer.byteLength(text)
      text = ""
    }
    if (text !== "") await this.file.appendFile(text)
  }

  close(): Promise<void> {
    return this.file.close()
  }

  /** Looks at the end of the file: a process that died while it wrote leaves half a line, which must not run into the next one. */
  private async state(): Promise<{ readonly isFile: boolean; readonly size: number; readonly isTorn: boolean }> {
    const stat = await this.file.stat()
    const isFile = stat.isFile()
    if (!isFile || stat.size === 0) return { isFile, size: 0, isTorn: false }
    const { buffer } = await this.file.read(Buffer.alloc(1), 0, 1, stat.size - 1)
    return { isFile, size: stat.size, isTorn: buffer[0] !== newline }
  }

  /** The open file goes on being written where a rename fails, so that nothing is lost. */
  private async rotate(): Promise<void> {
    const { files } = this.bounds
    const numbered = (number: number) => (number === 0 ? this.path : `${this.path}.${number}`)
    await rm(numbered(files - 1), { force: true })
    for (let number = files - 2; number >= 0; number--)
      await rename(numbered(number), numbered(number + 1)).catch(unlessMissing)
    const next = await open(this.path, "a+")
    await this.file.close()
    this.file = next
  }
}

const newline = 10

/** So many characters are held before they are written. */
const flushed = 1_000_000

const unlessMissing = (error: NodeJS.ErrnoException) => {
  if (error.code !== "ENOENT") throw error
}
