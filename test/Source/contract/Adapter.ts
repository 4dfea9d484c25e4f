/**
 * What the contract needs to know of an adapter, and of the server behind it.
 */
import { Context, type Effect, type Layer, type Scope } from "effect"
import type { SourceError } from "../../../src/Source.ts"
import * as Servers from "../../Servers.ts"

/** How the contract wants the layer of an adapter. */
export interface LayerOptions {
  /** How many connections it may hold. */
  readonly connections: number
  /** How long a connection may take to be made. */
  readonly connectTimeout: number
  /** The certificate to trust; given when it is to speak TLS. */
  readonly ca?: string
  /** The longest answer it reads. */
  readonly maxBytes?: number
}

/** Sees the server from outside, over a connection of its own, without the adapter. */
export interface Watch {
  /** How many calls the server is working on. */
  readonly busy: Effect.Effect<number>
  /** How many connections the adapter has, as the server counts them. */
  readonly connections: Effect.Effect<number>
}

/** Starts a server. */
export type MakeServer = (options: Servers.Options) => Effect.Effect<Servers.Private, never, Scope.Scope>

export const makeServer = ({ kind }: { readonly kind: Servers.Kind | MakeServer }): MakeServer =>
  typeof kind === "string" ? Servers[kind] : kind

/** An adapter, as the contract uses it. Every call fails as the adapter promises: with the name of the source. */
export interface Adapter<R> {
  readonly name: string
  /** The server behind it; a function where it is none of those that are installed. */
  readonly kind: Servers.Kind | MakeServer
  readonly layer: (url: string, options: LayerOptions) => Layer.Layer<R, SourceError>
  readonly watch: (server: Servers.Address) => Effect.Effect<Watch, never, Scope.Scope>

  /** Is answered at once. */
  readonly quick: Effect.Effect<unknown, SourceError, R>
  /** Keeps the server busy for so long. It must fail, however the server takes it, when it was cut short. */
  readonly busyFor: (millis: number) => Effect.Effect<unknown, SourceError, R>
  /** Gives back what it sends as a parameter. */
  readonly echo: (text: string) => Effect.Effect<string, SourceError, R>
  /** Asks for what does not fit its schema, in a field called `price`. */
  readonly misfit: Effect.Effect<unknown, SourceError, R>
  /** Is answered with at least so many bytes; it reads at most `maxBytes`, if its layer did not say so already. */
  readonly large: (bytes: number, maxBytes: number) => Effect.Effect<unknown, SourceError, R>

  /** How many connections it keeps besides those, for calls that are answered at once; default 0. */
  readonly besides?: number
  /** Many calls share a connection in turn, so that a late cancel could hit the next; default true. */
  readonly turns?: boolean
  /** The server itself ends a call at its deadline; default true. */
  readonly carriesDeadline?: boolean
  /** What a server that wants TLS is when it is asked without; default `SourceRejected`. */
  readonly withoutTls?: SourceError["_tag"]
  /** It runs inside the program: there is no network to it, and no password; default false. */
  readonly isEmbedded?: boolean
  /** Whoever connects waits for a word of the server before anything is asked; default true. */
  readonly shakesHands?: boolean
  /** The server is somebody else's: nobody stops it, fills it, or asks it with a wrong password; default false. */
  readonly isForeign?: boolean
}

/** The server of a suite, which nobody else asks. */
export class Server extends Context.Tag("test/Source/contract/Server")<Server, Servers.Private>() {}

/** Defines a test of the suite, which has its server and a scope of its own. */
export type Test = (
  title: string,
  body: () => Effect.Effect<void, unknown, Server | Scope.Scope>,
  timeout?: number
) => void

/** How much is done, and how strict the times are. */
export interface Form {
  readonly rounds: number
  readonly races: number
  readonly cancels: number
  /** Times are judged by their percentiles; otherwise only by bounds that a busy machine keeps too. */
  readonly measures: boolean
}

export const forms = {
  short: { rounds: 5, races: 40, cancels: 40, measures: false },
  long: { rounds: 100, races: 500, cancels: 1_000, measures: true }
} as const satisfies Record<string, Form>
