/** Says at the end which tests were skipped and why, a line a reason, as .ci/run repeats it; a skip without a reason fails. */
import type { Reporter, TestModule, Vitest } from 'vitest/node';

export default class SkipReporter implements Reporter {
  /** With `-t`, all others are skipped, and that is reason enough. */
  private chosen = false;

  onInit({ config }: Vitest): void {
    this.chosen = config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    if (this.chosen) return;
    const counts = new Map<string, number>();
    const silent: string[] = [];
    for (const test of modules.flatMap(({ children }) => [...children.allTests('skipped')])) {
      const result = test.result();
      const note = result.state === 'skipped' ? result.note : undefined;
      const reason = note ?? /\(skipped: (.*)\)/.exec(test.fullName)?.[1];
      if (reason === undefined) silent.push(`${test.module.relativeModuleId} > ${test.fullName}`);
      else counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    for (const [reason, count] of counts) console.log(`skipped ${count}: ${reason}`);
    for (const name of silent) console.error(`skipped without a reason: ${name}`);
    if (silent.length > 0) process.exitCode = 1;
  }
}
