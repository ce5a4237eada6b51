#!/usr/bin/env node
// CommonJS (package.json beside this file), because modules are read on libuv's threads, whose number is settled by their first use.
const { availableParallelism } = require('node:os');

// One a core, for decoders, and two so that files are written beside them; four are libuv's own.
process.env.UV_THREADPOOL_SIZE ??= String(Math.min(1024, Math.max(4, availableParallelism() + 2)));

import('../dist/src/cli/main.js').then(async ({ main }) => {
  process.exitCode = await main(process.argv);
  // Devices keep threads, and loaders may still decode ahead: when the answer is written there is nothing left to wait for.
  process.stdout.write('', () => process.exit());
});
