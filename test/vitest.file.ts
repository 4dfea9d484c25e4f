/**
 * Runs with each test file: `assert.deepStrictEqual` tells Options apart, and no file leaves a source running.
 */
import { Effect, Option } from "effect"
import { afterAll, assert, chai } from "vitest"
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

interface Eql {
  (left: unknown, right: unknown, options?: { comparator: (left: unknown, right: unknown) => boolean | null }): boolean
}

// The cast: the types of chai leave it out.
const { eql } = chai.util as object as { eql: Eql }

// To chai Options are iterables of the same, since an Option can be yielded: `Option.some(1)` would equal `Option.none()`.
const plain = (option: Option.Option<unknown>) =>
  Option.match(option, { onNone: () => ["none"], onSome: (value) => ["some", value] })

const comparator = (left: unknown, right: unknown): boolean | null =>
  Option.isOption(left) && Option.isOption(right) ? eql(plain(left), plain(right), { comparator }) : null

Object.assign(chai.config, { deepEqual: (left: unknown, right: unknown) => eql(left, right, { comparator }) })
