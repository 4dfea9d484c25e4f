import { assert } from "@effect/vitest"
import * as Recorder from "../../src/Receipt/Recorder.ts"

/** A recorder with a clock that is moved by hand. */
export const recording = () => {
  const clock = { at: 0 }
  const recorder = new Recorder.Recorder("dashboard", "failFast", () => clock.at, 1_700_000_000_000.4)
  const entry = (name: string) => recorder.entry<unknown, unknown>(name)
  const begun = (name: string) => {
    const one = entry(name)
    one.begin()
    return one
  }
  return { clock, recorder, entry, begun }
}

export const source = (recorder: Recorder.Recorder, name: string) => {
  const found = recorder.receipt().sources.find((one) => one.name === name)
  return found ?? assert.fail(`no source ${name}`)
}
