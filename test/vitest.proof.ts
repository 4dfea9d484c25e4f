/**
 * The long proofs, `npm run proof`: many schedules, many cancels, many kills. `npm test` does not run them.
 */
import { defineConfig } from "vitest/config"
import config from "./vitest.config.ts"

/** They measure times, which another file beside them would spoil: they run one after the other, after the rest. */
const timed = [
  "test/Batch/Cluster/*.proof.ts",
  "test/Cli/Batch/Workers.proof.ts",
  "test/Demo.proof.ts",
  "test/Gather/Leaks.proof.ts",
  "test/Permits/Laws.proof.ts",
  "test/Resilience/{Bulkhead,RateLimit}.proof.ts",
  "test/Resilience/RateLimit/*.proof.ts",
  "test/Server/Load.proof.ts",
  "test/main.proof.ts",
  "test/Source/*.proof.ts"
]

const proofs = {
  ...config.test,
  testTimeout: 600_000,
  // Stock clients, which some of them run beside ours, leave connections behind.
  setupFiles: "test/vitest.assert.ts",
  isolate: true
}
const rest = { ...proofs, name: "rest", include: ["test/**/*.proof.ts"], exclude: ["test/vitest.proof.ts", ...timed] }
const alone = { ...proofs, name: "timed", include: timed, poolOptions: { forks: { singleFork: true } } }

export default defineConfig({
  test: { ...config.test, minWorkers: 2, maxWorkers: 2, projects: [{ test: rest }, { test: alone }] }
})
