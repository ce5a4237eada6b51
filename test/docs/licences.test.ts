/** docs/dependencies.md lists what a user's install brings along, from the lock file; `npm run docs` writes it anew. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Package {
  name?: string;
  version: string;
  license?: string;
  dev?: boolean;
  os?: string[];
  resolved?: string;
  integrity?: string;
  hasInstallScript?: boolean;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => JSON.parse(readFileSync(`${root}${path}`, 'utf8'));
const { packages } = read('package-lock.json') as { packages: Record<string, Package> };
const production = Object.entries(packages).filter(([path, { dev }]) => path && !dev);
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** Those that an Apache-2.0 program may use. libvips and its like are loaded as libraries of their own, which the LGPL asks for. */
const accepted = new Set([
  ...['MIT', 'ISC', '0BSD', 'BSD-3-Clause', 'Apache-2.0', 'Unlicense', 'CC0-1.0', 'LGPL-3.0-or-later'],
  // h5wasm: public domain of NIST, with a notice, and HDF5's own, which is BSD-3-Clause.
  'SEE LICENSE IN LICENSE.txt',
]);

const preface = `# Dependencies and their licences

What \`npm install --omit=dev\` may bring along, from \`package-lock.json\`. This page is generated: \`npm run docs\` writes it anew, and a test keeps it
current and refuses licences that it does not know. Why each direct dependency is there: [architecture](architecture.md).
`;

it('lists every package, by licence', async () => {
  const licences = [...new Set(production.map(([, { license = 'unknown' }]) => license))].sort();
  const parts = licences.map((licence) => {
    const found = production.filter(([, { license }]) => license === licence);
    const names = new Set(found.map(([path, { version }]) => `${nameOf(path)} ${version}`));
    return `**${licence}** (${names.size}): ${[...names].sort().join(', ')}\n`;
  });
  const scripts = production.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));
  const { allowScripts, scripts: own } = read('package.json');
  expect(scripts.filter((name) => allowScripts[name] !== false)).toEqual([]);
  const install = [
    '## Install scripts\n',
    `* Of dependencies: ${scripts.map((name) => `\`${name}\``).join(', ')}, switched off in \`package.json\` (\`allowScripts\`) and idle by \`.npmrc\`: it would fetch CUDA libraries.`,
    `* Our own, in a checkout: \`prepare\` (\`${own.prepare}\`) builds TypeScript and the addon. The package brings both.\n`,
  ];
  const page = [preface, ...parts, ...install].join('\n');
  await expect(page).toMatchFileSnapshot('../../docs/dependencies.md');
});

it('every licence is one that an Apache-2.0 program may use', () => {
  for (const [path, { license = 'none' }] of production) {
    const parts = license.replace(/^\((.*)\)$/, '$1').split(/ (?:AND|OR) /);
    expect([path, parts.filter((part) => !accepted.has(part))]).toEqual([path, []]);
  }
});

it('the lock file is exact, and what is installed is what it says', () => {
  const { dependencies, devDependencies, optionalDependencies } = read('package.json');
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
    expect([name, version]).toEqual([name, packages[`node_modules/${name}`]?.version]);
  }
  for (const [path, { version, license, integrity }] of production) {
    expect([path, integrity?.startsWith('sha512-')]).toEqual([path, true]);
    if (!existsSync(`${root}${path}/package.json`)) continue;
    const installed = read(`${path}/package.json`) as Package;
    expect([path, installed.version, installed.license]).toEqual([path, version, license]);
  }
});
