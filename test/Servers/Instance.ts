/**
 * A server of one's own: a process on a private port, with its files in a temporary folder.
 *
 * It is kept by a small shell that reads from a pipe of this process. When the pipe ends (it was stopped, or this process
 * is gone, however it went), the shell ends the server and removes the folder. Nothing is ever left behind, not even by a
 * `kill -9` of the test runner. Both are in a session of their own, so a Ctrl-C reaches neither.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chown, mkdtemp, readFile, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { find, type Kind, type Options, recipes } from "./Recipes.ts"

/** What is needed to ask a server. */
export interface Address {
  readonly kind: Kind
  readonly host: string
  readonly port: number
  /** The password of every user; it must be found nowhere. */
  readonly password: string
  readonly url: string
  /** For who watches: the administrator can see every connection, and gets one when no other does. */
  readonly adminUrl: string
  /** The certificate to trust, if it speaks TLS. */
  readonly ca?: string
}

export interface Instance extends Address {
  /** Ends the process at once, as a crash would; its files stay. */
  readonly kill: () => Promise<void>
  /** Starts it again, on the same port and files. */
  readonly start: () => Promise<void>
  /** Ends the process and removes its files. */
  readonly stop: () => Promise<void>
}

const password = "Op3n-Sesame-7f3a"
const nobody = 65_534

/** The servers refuse to run as root. */
const asRoot = process.getuid?.() === 0

/** Below the ports that systems hand out, so that a port stays free while its server is down. */
const freePort = async (): Promise<number> => {
  const port = 15_000 + Math.floor(Math.random() * 15_000)
  const server = createServer()
  const free = await new Promise<boolean>((resolve) =>
    server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true))
  )
  if (!free) return freePort()
  server.close()
  await once(server, "close")
  return port
}

/** What makes openssl write a certificate for this machine, signed by itself. */
export const certificateArguments =
  "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost".split(
    " "
  )

const keeper = (kind: Kind, options: Options) => `
  prepare() {
    set -e
    ${options.tls ? `openssl ${certificateArguments.join(" ")} -keyout key.pem -out cert.pem` : ""}
    ${recipes[kind].prepare(options)}
    touch prepared
  }
  [ -e prepared ] || (prepare) > prepare.log 2>&1
  if [ -e prepared ]; then
    ${recipes[kind].serve(options)} > log 2>&1 < /dev/null &
    echo started
    read -r word
    kill -s ${recipes[kind].signal} $!
    wait $!
  else
    echo failed
    read -r word
  fi
  [ "$word" = keep ] || rm -rf "$PWD"`

const isReady = async (folder: string, kind: Kind) => {
  const log = await readFile(join(folder, "log"), "utf8").catch(() => "")
  return recipes[kind].ready.test(log)
}

/** The last lines of a log, which say why a server did not start. */
const lastWords = async (folder: string, log: string) =>
  (await readFile(join(folder, log), "utf8").catch(() => "")).trimEnd().split("\n").slice(-15).join("\n")

/** Starts a server, and waits until it can be asked. */
export const start = async (kind: Kind, options: Options = {}): Promise<Instance> => {
  const recipe = recipes[kind]
  const bin = find(kind)
  if (bin === undefined) throw new Error(`${recipe.name} is not installed: npm run servers`)
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), `muster-${kind}-${port}-`))
  if (asRoot) await chown(folder, nobody, nobody)
  const env = { PATH: process.env["PATH"], LC_ALL: "C", HOME: folder, BIN: bin, PORT: String(port), PASSWORD: password }
  let running: ChildProcess | undefined

  const begin = async () => {
    // What an earlier start wrote is no sign that it is ready now.
    await rm(join(folder, "log"), { force: true })
    const child = spawn("/bin/sh", ["-c", keeper(kind, options)], {
      cwd: folder,
      env: { ...env, USER_NAME: "muster", ADMIN_NAME: "admin" },
      stdio: ["pipe", "pipe", "ignore"],
      detached: true,
      ...(asRoot ? { uid: nobody, gid: nobody } : {})
    })
    running = child
    const said = await new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message)).once("exit", (code, by) => resolve(`exit ${code ?? by}`))
      child.stdout!.once("data", (data) => resolve(String(data).trim()))
    })
    if (said !== "started") {
      const why = await lastWords(folder, "prepare.log")
      await end("")
      throw new Error(`${recipe.name} could not be prepared (${said}):\n${why}`)
    }
    for (const limit = performance.now() + 30_000; !(await isReady(folder, kind)); await delay(10)) {
      if (performance.now() < limit) continue
      const why = await lastWords(folder, "log")
      await end("")
      throw new Error(`${recipe.name} did not start within 30 seconds:\n${why}`)
    }
    // It must not keep this process alive.
    child.unref()
    for (const stream of [child.stdin, child.stdout]) (stream as { unref?: () => void }).unref?.()
  }

  const end = async (word: string) => {
    const child = running
    running = undefined
    if (child === undefined || child.exitCode !== null) return
    child.ref()
    const exited = once(child, "exit")
    child.stdin!.end(word)
    await exited
  }

  await begin()
  const address = `127.0.0.1:${port}/${recipe.database}`
  const user = kind === "redis" ? "" : "muster"
  const admin = kind === "redis" ? "" : "admin"
  return {
    kind,
    host: "127.0.0.1",
    port,
    password,
    url: `${recipe.scheme}://${user}:${password}@${address}`,
    adminUrl: `${recipe.scheme}://${admin}:${password}@${address}`,
    ...(options.tls ? { ca: await readFile(join(folder, "cert.pem"), "utf8") } : {}),
    kill: () => end("keep\n"),
    start: begin,
    stop: () => end("")
  }
}
