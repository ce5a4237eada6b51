import { defineConfig } from 'vitest/config';

// Two cores are the reference machine: two files at once, each with its own engine.
const common = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', './test/skipReporter.ts'],
    projects: [
      // `npm test`: minutes.
      { test: { ...common, name: 'fast', include: ['test/**/*.test.ts'], exclude: ['test/**/*.{slow,long}.test.ts'] } },
      // `npm run test:slow`: what takes longer, or needs what only CI installs.
      { test: { ...common, name: 'slow', include: ['test/**/*.slow.test.ts'] } },
      // `npm run test:long`: nvcc and whole networks on the emulated GPU, beyond the time of a CI run.
      { test: { ...common, name: 'long', include: ['test/**/*.long.test.ts'] } },
    ],
  },
});
