/**
 * A small stand-in for MongoDB, since no MongoDB can be installed here: it speaks the wire protocol as far as a driver needs
 * it to read. It knows nothing of queries but equality, so it proves nothing about MongoDB; what it proves is what the
 * adapter does to a server: what it sends, when it closes, how it takes an error, a delay, a silence.
 *
 * Slow: a filter `{ $where: "sleep(500) || true" }`, which a real server runs too. A collection whose name begins with
 * `slow-page` takes half a minute for its second page. `fail-13` fails with code 13, `drop` hangs up, `hang` says nothing,
 * `garbage` answers with what is no document.
 */
import { Effect, type Scope } from "effect"
import { BSON, type Document } from "mongodb"
import { createServer as createPlain, type Server, type Socket } from "node:net"
import { createServer as createTls } from "node:tls"
import * as Wire from "./MongoStub/Wire.ts"

/** What a test sees of it. */
export interface Stub {
  readonly port: number
  readonly url: string
  /** Every command that came, the driver's own not. */
  readonly commands: ReadonlyArray<Document>
  /** How many it is working on. */
  readonly busy: () => number
  /** How many connections have asked for something, so are no mere watchers. */
  readonly connections: () => number
  /** How many connections there ever were, watchers too. */
  readonly accepted: () => number
  /** How many cursors it keeps open. */
  readonly cursors: () => number
  /** Hangs up on everybody and listens no longer. */
  readonly kill: Effect.Effect<void>
  readonly restart: Effect.Effect<void>
}

export interface Options {
  readonly collections?: Readonly<Record<string, ReadonlyArray<Document>>>
  /** How long a collection takes to answer, in milliseconds; default not at all. */
  readonly slow?: Readonly<Record<string, number>> | undefined
  /** Connections it takes at most; default 100. */
  readonly maxConnections?: number | undefined
  /** Whom it lets in; everybody when left out. */
  readonly user?: { readonly name: string; readonly password: string } | undefined
  readonly tls?: { readonly key: string; readonly cert: string } | undefined
}

/** A connection, as the stub sees it. */
interface Client {
  readonly socket: Socket
  isAuthenticated: boolean
  hasAsked: boolean
  /** Ends what is being worked on for it. */
  readonly stop: Set<() => void>
}

/** Runs a stub for as long as its scope. */
export const make = (options: Options = {}): Effect.Effect<Stub, never, Scope.Scope> =>
  Effect.gen(function* () {
    const stub = new State(options)
    yield* Effect.promise(() => stub.listen(0))
    const { port } = stub
    yield* Effect.addFinalizer(() => Effect.promise(() => stub.close()))
    const user = options.user === undefined ? "" : `${options.user.name}:${encodeURIComponent(options.user.password)}@`
    const plain = options.user === undefined ? "" : "?authMechanism=PLAIN&authSource=$external"
    return {
      port,
      url: `mongodb://${user}127.0.0.1:${port}/shop${plain}`,
      commands: stub.commands,
      busy: () => stub.busy,
      connections: () => Array.from(stub.clients).filter(({ hasAsked }) => hasAsked).length,
      accepted: () => stub.accepted,
      cursors: () => stub.cursors.size,
      kill: Effect.promise(() => stub.close()),
      restart: Effect.promise(() => stub.listen(port))
    }
  })

class State {
  readonly clients = new Set<Client>()
  readonly commands: Array<Document> = []
  readonly cursors = new Map<bigint, { readonly ns: string; readonly rest: Array<Document> }>()
  accepted = 0
  busy = 0
  private server: Server | undefined
  private nextCursor = 1n

  constructor(private readonly options: Options) {}

  get port(): number {
    const address = this.server?.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }

  listen(port: number): Promise<void> {
    const welcome = (socket: Socket) => this.welcome(socket)
    this.server = this.options.tls === undefined ? createPlain(welcome) : createTls(this.options.tls, welcome)
    // A client that wants no TLS, or another certificate.
    this.server.on("tlsClientError", () => {})
    return new Promise((resolve) => this.server!.listen(port, "127.0.0.1", resolve))
  }

  close(): Promise<void> {
    const { server } = this
    this.clients.forEach(({ socket }) => socket.destroy())
    return new Promise((resolve) => (server?.listening ? server.close(() => resolve()) : resolve()))
  }

  private welcome(socket: Socket) {
    socket.on("error", () => {})
    if (this.clients.size >= (this.options.maxConnections ?? 100)) return void socket.destroy()
    const client: Client = {
      socket,
      isAuthenticated: this.options.user === undefined,
      hasAsked: false,
      stop: new Set()
    }
    this.clients.add(client)
    this.accepted += 1
    let buffered = Buffer.alloc(0)
    socket.on("data", (chunk) => {
      buffered = Buffer.concat([buffered, chunk])
      while (buffered.length >= 4 && buffered.length >= buffered.readInt32LE(0)) {
        const length = buffered.readInt32LE(0)
        this.receive(client, buffered.subarray(0, length))
        buffered = buffered.subarray(length)
      }
    })
    socket.on("close", () => {
      this.clients.delete(client)
      client.stop.forEach((stop) => stop())
    })
  }

  private receive(client: Client, message: Buffer) {
    const { command, id, isGreeting } = Wire.read(message)
    if (isGreeting) return void client.socket.write(Wire.greeting(id))
    void this.answer(client, command).then((answer) => {
      if (answer === "drop" || client.socket.destroyed) return void client.socket.destroy()
      client.socket.write(answer === "garbage" ? Wire.garbage(id) : Wire.response(id, answer))
    })
  }

  private async answer(client: Client, command: Document): Promise<Document | "drop" | "garbage"> {
    const [name] = Object.keys(command)
    if (name === "hello" || name === "ismaster" || name === "isMaster") return Wire.hello
    if (name === "saslStart") return this.authenticate(client, command)
    if (name === "endSessions") return { ok: 1 }
    if (!client.isAuthenticated) return failure(13, "Unauthorized", `command ${name} requires authentication`)
    client.hasAsked = true
    this.commands.push(command)
    const collection = String(name === "getMore" ? command["collection"] : command[name!])
    const trouble = /^(fail|drop|hang|garbage)(?:-(\d+))?/.exec(collection)
    if (trouble?.[1] === "drop") return "drop"
    if (trouble?.[1] === "garbage") return "garbage"
    if (trouble?.[1] === "fail")
      return failure(Number(trouble[2]), `Code${trouble[2]}`, `it quotes ${JSON.stringify(command["filter"])}`)
    if (trouble?.[1] === "hang") return this.work(client, Infinity, command["maxTimeMS"], () => ({ ok: 1 }))
    const slow =
      name === "getMore" && collection.startsWith("slow-page")
        ? 30_000
        : (this.options.slow?.[collection] ?? sleepOf(command))
    return this.work(client, slow, command["maxTimeMS"], () => this.read(name!, collection, command))
  }

  /** Works for so long, unless its time is up or the client hangs up before. */
  private work(client: Client, millis: number, limit: number | undefined, result: () => Document): Promise<Document> {
    if (millis === 0) return Promise.resolve(result())
    this.busy += 1
    return new Promise((resolve) => {
      const isLate = limit !== undefined && limit > 0 && limit < millis
      const end = (answer: Document) => {
        clearTimeout(timer)
        client.stop.delete(stop)
        this.busy -= 1
        resolve(answer)
      }
      const stop = () => end({ ok: 0 })
      client.stop.add(stop)
      const over = () => end(isLate ? failure(50, "MaxTimeMSExpired", "operation exceeded time limit") : result())
      const timer = setTimeout(over, Math.min(isLate ? limit : millis, 2 ** 31 - 1))
    })
  }

  private read(name: string, collection: string, command: Document): Document {
    const ns = `${command["$db"]}.${collection}`
    const all = this.options.collections?.[collection] ?? []
    if (name === "find") {
      const found = all.filter(matches(command["filter"] ?? {}))
      return this.page(ns, found.slice(0, Math.abs(command["limit"] ?? 0) || undefined), command)
    }
    if (name === "aggregate") {
      const found = (command["pipeline"] as ReadonlyArray<Document>).reduce(stage, all)
      return this.page(ns, found, command["cursor"])
    }
    if (name === "getMore") {
      const id = BigInt(String(command["getMore"]))
      const cursor = this.cursors.get(id)
      if (cursor === undefined) return failure(43, "CursorNotFound", `cursor id ${id} not found`)
      const nextBatch = cursor.rest.splice(0, command["batchSize"] ?? Infinity)
      if (cursor.rest.length === 0) this.cursors.delete(id)
      return { cursor: { nextBatch, id: BSON.Long.fromBigInt(cursor.rest.length === 0 ? 0n : id), ns }, ok: 1 }
    }
    if (name === "killCursors") {
      const ids = command["cursors"] as ReadonlyArray<unknown>
      ids.forEach((id) => this.cursors.delete(BigInt(String(id))))
      return { cursorsKilled: ids, cursorsNotFound: [], cursorsAlive: [], cursorsUnknown: [], ok: 1 }
    }
    return name === "ping" ? { ok: 1 } : failure(59, "CommandNotFound", `no such command: '${name}'`)
  }

  private page(ns: string, found: ReadonlyArray<Document>, { batchSize }: Document): Document {
    const size = batchSize ?? 101
    if (found.length <= size) return { cursor: { firstBatch: found, id: BSON.Long.ZERO, ns }, ok: 1 }
    const id = this.nextCursor++
    this.cursors.set(id, { ns, rest: found.slice(size) })
    return { cursor: { firstBatch: found.slice(0, size), id: BSON.Long.fromBigInt(id), ns }, ok: 1 }
  }

  private authenticate(client: Client, { payload }: Document): Document {
    const [, name, password] = Buffer.from((payload as BSON.Binary).buffer)
      .toString()
      .split("\0")
    const { user } = this.options
    if (user?.name !== name || user?.password !== password)
      return failure(18, "AuthenticationFailed", "Authentication failed.")
    client.isAuthenticated = true
    return { conversationId: 1, done: true, payload: new BSON.Binary(), ok: 1 }
  }
}

const failure = (code: number, codeName: string, errmsg: string): Document => ({ ok: 0, code, codeName, errmsg })

const sleepOf = (command: Document): number => {
  const where = command["filter"]?.$where ?? command["pipeline"]?.[0]?.$match?.$where
  return Number(/^sleep\((\d+)\)/.exec(String(where))?.[1] ?? 0)
}

const matches =
  (filter: Document) =>
  (document: Document): boolean =>
    Object.entries(filter).every(([key, value]) => {
      if (key === "$where") return true
      return BSON.EJSON.stringify(document[key]) === BSON.EJSON.stringify(value?.$eq ?? value)
    })

const stage = (documents: ReadonlyArray<Document>, stage: Document): ReadonlyArray<Document> => {
  const [[name, what]] = Object.entries(stage) as [[string, Document]]
  if (name === "$match") return documents.filter(matches(what))
  if (name === "$limit") return documents.slice(0, Number(what))
  if (name === "$group") return documents.length === 0 ? [] : [{ _id: 1, n: documents.length }]
  const literals = Object.entries(what).map(([key, value]) => [key, (value as Document)["$literal"]])
  return documents.map(() => Object.fromEntries(literals) as Document)
}
