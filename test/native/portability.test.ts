/** The addon loads wherever Node 20 runs, with CUDA's static runtime in it or without: it asks for no newer C or C++ library than Node itself. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { addonPath } from '../../src/engine/native.js';
import { titled } from '../peers.js';

/** Newest symbol versions it may ask for: Node 20's own needs, which RHEL 8, Debian 10 and Ubuntu 20.04 meet. */
const newest: Record<string, number[]> = { GLIBC: [2, 28], GLIBCXX: [3, 4, 25], CXXABI: [1, 3, 11] };

const elsewhere = process.platform === 'linux' && process.arch === 'x64' ? null : 'not Linux on x64';

it.skipIf(elsewhere)(titled('needs no newer library than Node 20 does', elsewhere), () => {
  const symbols = execFileSync('objdump', ['-T', addonPath()], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const asked = [...new Set(symbols.match(/\b(GLIBC|GLIBCXX|CXXABI)_[\d.]+/g))];
  expect(asked.length).toBeGreaterThan(5);
  const beyond = asked.filter((symbol) => {
    const [library, version] = symbol.split('_') as [string, string];
    return compare(version.split('.').map(Number), newest[library]!) > 0;
  });
  expect(beyond).toEqual([]);
});

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
