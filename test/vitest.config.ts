/**
 * The tests, `npm test`. One file runs without it too: `npx vitest run test/Options.test.ts`.
 */
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    include: ["test/**/*.test.ts"],
    globalSetup: "test/vitest.setup.ts",
    setupFiles: "test/vitest.assert.ts",
    // The default leaves one of two cores idle.
    minWorkers: 1,
    maxWorkers: 2,
    // Nothing waits for so long, but a busy machine may.
    testTimeout: 30_000,
    // A server may have to be started first.
    hookTimeout: 60_000
  }
})
