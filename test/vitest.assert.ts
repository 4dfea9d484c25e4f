/**
 * Runs with each test file: `assert.deepStrictEqual` tells Options apart.
 */
import { Option } from "effect"
import { chai } from "vitest"

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
