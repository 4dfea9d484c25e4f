/**
 * Makes the services of a file: what asks them, and the guards around that.
 *
 * @since 0.1.0
 */
import { Cause, Effect, Either, Exit, Option, Redacted, type Scope } from "effect"
import { createHash } from "node:crypto"
import { isAbsolute, join } from "node:path"
import * as Json from "../../Json.ts"
import { InvalidOption } from "../../Options.ts"
import { Drivers, type Questions, type ServiceSettings } from "../../Source.ts"
import { kindOf } from "./Checks/Services.ts"
import type { Service } from "./Endpoints.ts"
import type * as File from "./File.ts"
import * as Guards from "./Guards.ts"
import { type Finding, orFinding } from "./Problem.ts"
import * as Question from "./Question.ts"

/**
 * The services that could be made, by name, and why others could not.
 *
 * @since 0.1.0
 * @category models
 */
export interface Made {
  readonly opened: ReadonlyMap<string, Service>
  readonly findings: ReadonlyArray<Finding>
}

type Ask = Service["ask"]

/**
 * The services, to be asked; paths of files begin in `folder`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = ({ services }: File.File, folder: string): Effect.Effect<Made, never, Drivers | Scope.Scope> =>
  Effect.gen(function* () {
    const asks = new Map<string, Ask>()
    const findings: Array<Finding> = []
    for (const [name, service] of Object.entries(services)) {
      const exit = yield* Effect.exit(connected(service, folder))
      if (Exit.isSuccess(exit)) asks.set(name, exit.value)
      else findings.push({ path: ["services", name, kindOf(service)!], key: true, message: yield* reason(exit.cause) })
    }
    const made = guarded(services, (name) => asks.get(name) ?? nobody)
    return { ...made, findings: [...findings, ...made.findings] }
  })

/**
 * The services as far as they are known without being asked.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unopened = ({ services }: File.File): Made => guarded(services, () => nobody)

const nobody: Ask = () => Either.right({ question: () => "", answer: Effect.dieMessage("This service was not opened") })

const guarded = (services: File.File["services"], askOf: (name: string) => Ask): Made => {
  const opened = new Map<string, Service>()
  const findings: Array<Finding> = []
  for (const [name, service] of Object.entries(services)) {
    const made = orFinding(["services", name], service, () => ({
      guard: Guards.ofService(name, service),
      ask: askOf(name)
    }))
    if ("ask" in made) opened.set(name, made)
    else findings.push(made)
  }
  return { opened, findings }
}

/** An option that the driver refuses, or a driver that is not installed; everything else is a bug. */
const reason = (cause: Cause.Cause<{ readonly message: string }>): Effect.Effect<string> => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  if (failure !== undefined) return Effect.succeed(failure.message)
  const defect = Option.getOrUndefined(Cause.dieOption(cause))
  return defect instanceof InvalidOption ? Effect.succeed(defect.message) : Effect.die(Cause.squash(cause))
}

const connected = (service: File.Service, folder: string) => {
  const kind = kindOf(service)!
  const { connectTimeout, maxBytes, maxConnections } = service
  const given = service[kind]!
  const url = typeof given === "string" ? Redacted.make(fileIn(folder, given)) : given
  return connect(kind, service, { url, connectTimeout, maxBytes, maxConnections })
}

const fileIn = (folder: string, path: string) => (path === ":memory:" || isAbsolute(path) ? path : join(folder, path))

const connect = <K extends File.Kind>(kind: K, service: File.Service, settings: ServiceSettings) =>
  Effect.map(
    Effect.flatMap(Drivers, (drivers) => drivers[kind](settings)),
    (send): Ask =>
      (name, source, values, forwarded, unread) =>
        Either.map(Question.make(kind, service, name, source, values, unread), (filled) => {
          const question = sentOn(filled, forwarded)
          const answer = send(question)
          return {
            question: () => tokenOf(question),
            answer: source.one === true ? Effect.map(answer, first) : answer
          }
        })
  )

/** Something short that only the same question has, and which tells nothing of the secrets in it. */
const tokenOf = (question: object): string => createHash("sha256").update(Json.stringify(question)!).digest("base64url")

/** What the file says of a header counts for more than what a request does. */
const sentOn = <Q extends Questions[File.Kind]>(question: Q, forwarded: Readonly<Record<string, string>>): Q =>
  "headers" in question ? { ...question, headers: { ...forwarded, ...question.headers } } : question

// The cast: `Array.isArray` says no more than `any`.
const first = (answer: unknown) => (Array.isArray(answer) ? ((answer[0] as unknown) ?? null) : answer)
