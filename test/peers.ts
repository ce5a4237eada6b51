/** What tests use beyond README's prerequisites. Why one is skipped stands in its title, where CI's closing lines find it (skipReporter.ts). */
import { spawnSync } from 'node:child_process';

/** A test's title with the reason why it is skipped, if there is one. */
export function titled(title: string, reason: string | null): string {
  return reason === null ? title : `${title} (skipped: ${reason})`;
}

/** A Python 3 that has these modules, the user's own before the system's. */
export function pythonWith(...modules: string[]): { python: string; noPython: string | null } {
  const has = (name: string) => spawnSync(name, ['-c', `import ${modules.join(', ')}`]).status === 0;
  const python = ['python3', '/usr/bin/python3'].find(has);
  return { python: python ?? 'python3', noPython: python ? null : `no python3 with ${modules.join(' and ')} here` };
}

/** Why these programs cannot be used; null when they are there. */
export function without(...programs: string[]): string | null {
  const missing = programs.filter((name) => spawnSync('which', [name]).status !== 0);
  return missing.length === 0 ? null : `${missing.join(' and ')} not installed`;
}
