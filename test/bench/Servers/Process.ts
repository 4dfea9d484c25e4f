/** A server in a process of its own, looked at from outside. */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { type AddressInfo, connect, createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

export interface Running {
  /** The process that answers, and whose CPU counts. */
  readonly pid: number
  readonly port: number
  readonly stop: () => Promise<void>
}

/** Starts a server over these upstreams; its files, if it has any, are in the folder. */
export type Serve = (folder: string, origins: ReadonlyArray<string>) => Promise<Running>

/** What ends with this process. */
const left = new Set<() => void>()
process.once("exit", () => left.forEach((kill) => kill()))

const spawned = (program: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv) => {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } })
  const kill = () => void child.kill("SIGKILL")
  left.add(kill)
  const ended = once(child, "exit")
  const stop = async () => {
    left.delete(kill)
    kill()
    await ended
  }
  let text = ""
  const read = (data: Buffer) => (text += String(data))
  const streams = [child.stdout, child.stderr]
  for (const stream of streams) stream.on("data", read)
  /** What it says from now on is read and thrown away. */
  const ignore = () => streams.forEach((stream) => stream.off("data", read).resume())
  const failed = ended.then(() => Promise.reject(new Error(`${program} ${args.join(" ")} ended: ${text}`)))
  failed.catch(() => {})
  return { pid: child.pid!, stop, said: () => text, ignore, failed }
}

/** Runs a program until this finds its port. */
const until = async (
  { failed, ignore, pid, said, stop }: ReturnType<typeof spawned>,
  find: (said: string) => number | undefined | Promise<number | undefined>
): Promise<Running> => {
  for (;;) {
    const port = await find(said())
    if (port !== undefined) {
      ignore()
      return { pid, port, stop }
    }
    await Promise.race([sleep(20), failed])
  }
}

/** Runs a program that says on a line which port it has. */
export const start = (program: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}): Promise<Running> =>
  until(spawned(program, args, env), (said) => {
    const port = /"port":(\d+)/.exec(said)?.[1]
    return port === undefined ? undefined : Number(port)
  })

/** Runs a program that is told its port: one that was free a moment ago. */
export const startAt = async (program: string, args: (port: number) => ReadonlyArray<string>): Promise<Running> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return until(spawned(program, args(port), {}), async () => ((await listens(port)) ? port : undefined))
}

const listens = async (port: number) => {
  const socket = connect(port, "127.0.0.1")
  try {
    await once(socket, "connect")
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** The flags of every program of node: all have as much room for what lives shortly. */
export const flags = ["--max-semi-space-size=64"]

const ticks = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }))

/** Microseconds of CPU that a process and its threads have used. */
export const cpuOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  return ((Number(fields[11]) + Number(fields[12])) / ticks) * 1e6
}

/** MiB of memory. */
export const rssOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024
