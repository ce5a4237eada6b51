#!/usr/bin/env node
import { main } from '../dist/src/cli/main.js';

process.exitCode = await main(process.argv);
// Devices keep threads, and loaders may still decode ahead: when the answer is written there is nothing left to wait for.
process.stdout.write('', () => process.exit());
