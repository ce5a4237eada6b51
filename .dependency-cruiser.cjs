// Holds the direction of imports that docs/architecture.md describes: each room may know only the rooms listed for it.
const mayImport = {
  cli: ['serve', 'study', 'report', 'run', 'evaluate', 'method', 'data', 'config', 'engine', 'formats', 'onnxruntime'],
  serve: ['library', 'study', 'report', 'run', 'evaluate', 'data', 'config'],
  study: ['report', 'run', 'evaluate', 'data', 'config'],
  report: ['run', 'evaluate', 'method', 'data', 'config', 'engine', 'formats'],
  run: ['method', 'evaluate', 'data', 'config', 'engine', 'formats', 'onnxruntime'],
  evaluate: ['config', 'engine', 'formats', 'data', 'method', 'onnxruntime'],
  method: ['data', 'config', 'engine', 'formats'],
  data: ['config', 'engine', 'formats', 'onnxruntime'],
  config: [],
  base: [],
  engine: ['formats'],
  formats: [],
  onnxruntime: [],
};

// What the rooms of src/run may know of each other; the files of src/run itself, what a run is, know none of them.
const mayImportOfRun = {
  demo: ['training', 'evaluation'],
  doctor: ['training'],
  training: ['maps', 'evaluation', 'models'],
  maps: ['evaluation', 'models'],
  evaluation: ['models'],
  models: [],
};

module.exports = {
  forbidden: [
    ...Object.entries(mayImport).map(([room, allowed]) => ({
      name: `${room}-imports-inwards`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: '^src/', pathNot: `^src/(${[room, 'base', ...allowed].join('|')})(/|\\.ts$)` },
    })),
    ...Object.entries(mayImportOfRun).map(([room, allowed]) => ({
      name: `run-${room}-imports-inwards`,
      severity: 'error',
      from: { path: `^src/run/${room}/` },
      to: { path: '^src/run/[^/]+/', pathNot: `^src/run/(${[room, ...allowed].join('|')})/` },
    })),
    {
      name: 'run-itself-knows-no-room',
      severity: 'error',
      from: { path: '^src/run/[^/]+\\.ts$' },
      to: { path: '^src/run/[^/]+/' },
    },
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'addon-behind-one-door',
      comment: 'The addon is reached through src/engine/native.ts alone.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/engine/native\\.ts$' },
      to: { path: '\\.node$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
  },
};
