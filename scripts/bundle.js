/**
 * `npm run bundle`: one archive that runs where there is no Node, compiler, npm or network, ldc-VERSION-linux-x64.tar.xz: this Node, the
 * built program, what it loads in production, the addon as it was built, licences, and the fixtures and recorded steps of the checks.
 *
 * --addon FILE     another addon than build/Release/ldc.node
 * --out DIR        where the archive goes (default: the current folder)
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const json = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** What Node 20 itself needs; nothing in the archive may need a newer one. */
const oldestGlibc = [2, 28];

/** Types, maps, sources of TypeScript, tests and documents of packages, and libraries for other systems. Licences stay. */
const spare = [
  /^node_modules\//, // packages of their own
  /\.map$/,
  /\.[mc]?ts$/,
  /^(?!.*(?:licen[cs]e|notice|copying|third)).*\.(?:md|markdown|flow)$/i,
  /^(?:test|tests|doc|docs|example|examples|benchmark|src\/.*\.test)\//,
  /^bin\/napi-v\d+\/(?!linux\/x64\/)/,
];

/** Whether a file of a package, by its path in there, is needed to run. */
export function isNeeded(path) {
  return !spare.some((pattern) => pattern.test(path));
}

/** Symbol versions of glibc that an ELF file asks for: the newest, [0] when there is none. */
export function glibcOf(file) {
  const found = readFileSync(file, 'latin1').matchAll(/\bGLIBC_(\d+)\.(\d+)\b/g);
  return (
    [...found]
      .map(([, major, minor]) => [Number(major), Number(minor)])
      .sort(byVersion)
      .at(-1) ?? [0]
  );
}

function byVersion(a, b) {
  return a[0] - b[0] || (a[1] ?? 0) - (b[1] ?? 0);
}

/** Starts what lies beside it; with the shell's own words alone, unless it is called through a link. */
const launcher = `#!/bin/sh
# ldc with the Node that lies beside it: nothing else has to be installed.
case $0 in */*) self=$0 ;; *) self=./$0 ;; esac
while [ -h "$self" ]; do
  target=$(readlink "$self")
  case $target in /*) self=$target ;; *) self=\${self%/*}/$target ;; esac
done
exec "\${self%/*}/node" "\${self%/*}/bin/ldc.js" "$@"
`;

const cudaNotice = `The addon holds NVIDIA's CUDA runtime (libcudart_static), (c) NVIDIA Corporation, which the CUDA Toolkit's licence agreement lets
a program bring along (its attachment A): https://docs.nvidia.com/cuda/eula
`;

/** Files of the npm package but for the addon's sources, which nobody can compile there. */
function programFiles() {
  const packed = execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const paths = JSON.parse(packed)[0].files.map(({ path }) => path);
  return paths.filter((path) => !/^(?:src\/|scripts\/|CMakeLists\.txt|build\/)/.test(path) && !/\.d\.ts$/.test(path));
}

/** Folders of the packages that a production install would have, from the lock file, as far as they are installed here. */
function productionPackages() {
  return Object.entries(json('package-lock.json').packages)
    .filter(([path, { dev }]) => path !== '' && !dev && !path.includes('/@types/'))
    .map(([path]) => path)
    .filter((path) => existsSync(join(root, path)));
}

/** @throws Error where this Node is a part of a system and would not run alone, or its licence is not beside it */
function nodeFiles() {
  const [least] = json('package.json').engines.node.match(/\d+\.\d+/);
  if (byVersion(process.versions.node.split('.').map(Number), least.split('.').map(Number)) < 0)
    throw new Error(`the archive needs Node ${least} or newer, this is ${process.versions.node}`);
  const [shared] =
    Object.entries(process.config.variables).find(([name, is]) => name.startsWith('node_shared') && is === true) ?? [];
  if (shared !== undefined)
    throw new Error(`this Node needs libraries of the system (${shared}); take one from nodejs.org`);
  const home = dirname(process.execPath);
  const licences = ['../LICENSE', '../share/doc/nodejs/LICENSE', '../share/doc/node/LICENSE'].map((path) =>
    join(home, path),
  );
  const licence = licences.find((path) => existsSync(path));
  if (licence === undefined)
    throw new Error(`the licence of Node is not beside ${process.execPath}: ${licences.join(', ')}`);
  return { binary: process.execPath, licence };
}

/** Lays the files out in `folder`. */
function layOut(folder, addon) {
  const node = nodeFiles();
  const put = (from, to) => {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    cpSync(from, join(folder, to), { recursive: true, dereference: true });
  };
  put(node.binary, 'node');
  put(node.licence, 'licences/node.txt');
  for (const path of programFiles()) put(join(root, path), path);
  put(addon, 'build/Release/ldc.node');
  put(join(root, 'docs/dependencies.md'), 'licences/dependencies.md');
  // What `ldc doctor --gpu` looks at.
  for (const path of [
    'test/fixtures',
    ...['steps', 'cudaExpected.json', 'torch_worker.py'].map((name) => `experiments/bench/${name}`),
  ])
    put(join(root, path), path);
  for (const path of productionPackages()) {
    const files = filesBelow(join(root, path)).map((file) => relative(join(root, path), file));
    for (const file of files.filter(isNeeded)) put(join(root, path, file), join(path, file));
  }
  writeFileSync(join(folder, 'ldc'), launcher);
  chmodSync(join(folder, 'ldc'), 0o755);
}

/** Every file below `folder`, in order. */
function filesBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/**
 * The newest glibc that a binary in there needs.
 * @throws Error that names those which need a newer one than Node's
 */
function checkedGlibc(folder) {
  const binaries = filesBelow(folder).filter(
    (file) => /(?:\.node|\.so(?:\.\d+)*)$/.test(file) || file === join(folder, 'node'),
  );
  const needs = binaries.map((file) => ({ file: relative(folder, file), glibc: glibcOf(file) }));
  const beyond = needs.filter(({ glibc }) => byVersion(glibc, oldestGlibc) > 0);
  if (beyond.length > 0) {
    const list = beyond.map(({ file, glibc }) => `${file} (${glibc.join('.')})`).join(', ');
    throw new Error(`the archive is for glibc ${oldestGlibc.join('.')} and newer, but these need a newer one: ${list}`);
  }
  return needs
    .map(({ glibc }) => glibc)
    .sort(byVersion)
    .at(-1)
    .join('.');
}

/** Makes the archive, puts it into `out`, and says what is in it. */
function bundle({ addon, out }) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error('the archive is for Linux on x86-64, and made there');
  if (!existsSync(addon))
    throw new Error(`there is no addon ${addon}: npm run build:native, or npm run build:cuda, makes it`);
  const { version } = json('package.json');
  const name = `ldc-${version}-linux-x64`;
  // It is loaded as the program will load it. What it says of this machine's driver and GPUs stands behind the first line.
  const { built, summary } = createRequire(import.meta.url)(addon).cuda();
  const [cuda] = summary.split(/[;\n]|, driver/);
  const place = mkdtempSync(join(tmpdir(), 'ldc-bundle-'));
  try {
    const folder = join(place, name);
    layOut(folder, addon);
    if (built) writeFileSync(join(folder, 'licences/cuda.txt'), cudaNotice);
    const facts = { name, node: process.versions.node, glibc: checkedGlibc(folder), addon: cuda };
    writeFileSync(join(folder, 'bundle.json'), `${JSON.stringify(facts, null, 2)}\n`);
    const archive = join(out, `${name}.tar.xz`);
    mkdirSync(out, { recursive: true });
    const owner = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
    const written = `${archive}.${process.pid}.tmp`;
    execFileSync('tar', [...owner, '-I', 'xz -6 -T0', '-cf', written, '-C', place, name], { stdio: 'inherit' });
    renameSync(written, archive);
    return { archive, megabytes: statSync(archive).size / 1e6, ...facts };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function main() {
  const { values } = parseArgs({ options: { addon: { type: 'string' }, out: { type: 'string', default: '.' } } });
  const addon = resolve(values.addon ?? join(root, 'build/Release/ldc.node'));
  const { archive, megabytes, node, glibc, addon: cuda } = bundle({ addon, out: values.out });
  console.log(`${archive}: ${megabytes.toFixed(1)} MB; Node ${node}; glibc ${glibc} or newer; addon ${cuda}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    main();
  } catch (error) {
    console.error(`bundle: ${error.message}`);
    process.exitCode = 2;
  }
}
