/**
 * The long proofs, `npm run proof`: many schedules, many cancels, many kills. `npm test` does not run them.
 */
import { defineConfig } from "vitest/config"
import config from "./vitest.config.ts"

export default defineConfig({
  test: {
    ...config.test,
    include: ["test/**/*.proof.ts"],
    exclude: ["test/vitest.proof.ts"],
    testTimeout: 600_000,
    // Stock clients, which some of them run beside ours, leave connections behind.
    setupFiles: "test/vitest.assert.ts",
    isolate: true,
    // They measure times, which another file beside them would spoil.
    fileParallelism: false
  }
})
