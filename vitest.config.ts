import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// The embedded engine runs on libuv's threads. The size of that pool is read when a process first uses it, so it has to
// be in the environment before the test processes start.
process.env['UV_THREADPOOL_SIZE'] = '16'

export default defineConfig({
  test: {
    pool: 'forks',
    // Tests wait for engines, processes and disks more than for a processor.
    maxWorkers: Math.max(2, availableParallelism()),
    globalSetup: './test/harness/shared-folder.ts',
    include: ['{telemetry,runtime,storage,collector,query-api,ui,cli,lab,test}/**/*.test.{ts,tsx}'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
