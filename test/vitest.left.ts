/**
 * Runs with each test file: it leaves no source and no socket behind.
 */
import { Effect } from "effect"
import { afterAll, assert } from "vitest"
import * as Cleanup from "../src/Cleanup.ts"
import { network } from "./Handles.ts"

// Files share their worker: what one leaves behind, the next would find.
afterAll(async () => {
  for (const end = performance.now() + 2_000; left().length > 0 && performance.now() < end;)
    await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepStrictEqual(left(), [], "the file leaves something behind")
})

/** The sources that are cleaning up, and the sockets and listeners of this process. */
const left = () => [...Effect.runSync(Cleanup.Owner).running(), ...network()]
