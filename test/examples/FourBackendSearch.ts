/**
 * Four-backend search: documents, people, projects and tags in one answer. A page with a part missing is of no use here,
 * so any failure fails the whole, at once, and the other three are aborted.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { Gather } from "../../src/index.ts"

export class BackendFailed extends Schema.TaggedError<BackendFailed>()("BackendFailed", { backend: Schema.String }) {
  override get message() {
    return `the search in ${this.backend} failed`
  }
}

type Search<A> = (query: string) => Effect.Effect<ReadonlyArray<A>, BackendFailed>

export interface Backends {
  readonly documents: Search<{ readonly title: string; readonly pages: number }>
  readonly people: Search<{ readonly name: string }>
  readonly projects: Search<{ readonly code: string; readonly open: boolean }>
  readonly tags: Search<string>
}

/** Fails with `BackendFailed` or `DeadlineExceeded`; otherwise each field has the type that its backend gives. */
export const search = (backends: Backends, query: string) =>
  Gather.failFast(
    {
      documents: backends.documents(query),
      people: backends.people(query),
      projects: backends.projects(query),
      tags: backends.tags(query)
    },
    { deadline: "2 seconds" }
  )

const backends: Backends = {
  documents: (query) => Effect.delay(Effect.succeed([{ title: `All about ${query}`, pages: 12 }]), "80 millis"),
  people: () => Effect.delay(Effect.succeed([{ name: "Grace" }, { name: "Edsger" }]), "40 millis"),
  projects: () => Effect.delay(Effect.succeed([{ code: "GO-42", open: true }]), "120 millis"),
  tags: (query) => Effect.delay(Effect.succeed([query]), "10 millis")
}

const broken: Backends = { ...backends, people: () => new BackendFailed({ backend: "people" }) }

const show = (backends: Backends) =>
  search(backends, "gathering").pipe(
    Effect.map(({ documents, people, projects, tags }) =>
      [documents[0]?.title, people.length, projects[0]?.code, ...tags].join(" | ")
    ),
    Effect.catchAll((error) => Effect.succeed(error.message)),
    Effect.flatMap((line) => Console.log(line))
  )

export const program = Effect.andThen(show(backends), show(broken))

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
