/**
 * Runs once before all test files: hands out the servers they share. Each is started when the first file asks for it.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { TestProject } from "vitest/node"
import { type Instance, start } from "./Servers/Instance.ts"
import { type Kind, recipes } from "./Servers/Recipes.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** Whom to ask for a server: `GET /postgres`. */
    servers: string
  }
}

export default async (project: TestProject) => {
  const started = new Map<Kind, Promise<Instance>>()
  const isKind = (name: string): name is Kind => Object.hasOwn(recipes, name)

  const broker = createServer((request, response) => {
    const kind = request.url!.slice(1)
    if (!isKind(kind)) return void response.writeHead(404).end(`there is no server called ${kind}`)
    const instance = started.get(kind) ?? start(kind)
    started.set(kind, instance)
    instance.then(
      (address) => response.end(JSON.stringify(address)),
      (error: Error) => response.writeHead(500).end(error.message)
    )
  })
  await new Promise<void>((resolve) => broker.listen(0, "127.0.0.1", resolve))
  broker.unref()
  project.provide("servers", `http://127.0.0.1:${(broker.address() as AddressInfo).port}`)

  return async () => {
    broker.close()
    broker.closeAllConnections()
    const instances = await Promise.allSettled(started.values())
    await Promise.all(instances.map((one) => (one.status === "fulfilled" ? one.value.stop() : undefined)))
  }
}
