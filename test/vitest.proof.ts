/**
 * The long proofs, `npm run proof`: many schedules, many cancels, many kills. `npm test` does not run them.
 */
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: { include: ["test/**/*.proof.ts"], exclude: ["test/vitest.proof.ts"], testTimeout: 600_000 }
})
