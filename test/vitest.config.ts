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
    setupFiles: ["test/vitest.assert.ts", "test/vitest.left.ts"],
    // To load effect anew for each of a hundred files takes as long as all their tests.
    isolate: false,
    // They wait for servers and processes half of the time. As few as many: a worker that idles and is stopped twice ends
    // the run with "Terminating worker thread" (tinypool 1).
    minWorkers: 4,
    maxWorkers: 4,
    // Less to collect: a tenth of their time.
    poolOptions: { forks: { execArgv: ["--max-semi-space-size=64"] } },
    // Nothing waits for so long, but a busy machine may.
    testTimeout: 30_000,
    // A server may have to be started first.
    hookTimeout: 60_000
  }
})
