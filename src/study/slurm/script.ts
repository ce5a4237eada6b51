/** The batch script of a job array: one task an index, told to save before the time is up, leaving a record of how it ended. */
import type { StudyFolder } from '../expand.js';
import { commandsOf, ldcProgram } from '../ldc.js';
import type { Command, Task } from '../plan.js';
import type { Study } from '../studyFile.js';

/** @param dependency as `--dependency` takes it */
export function batchScript(study: Study, folder: StudyFolder, tasks: readonly Task[], dependency?: string): string {
  return `#!/bin/bash
${directives(study, folder, tasks.length, dependency)
  .map((line) => `#SBATCH ${line}`)
  .join('\n')}

# A record is one line of JSON: what became of this task. \`ldc study status\` reads it when Slurm has forgotten the job.
record() {
  printf '{"state":"%s","backend":"slurm","job":"%s"%s}\\n' "$1" "\${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" "\${2:+,\\"status\\":$2}" >"$task_record.$$.tmp" &&
    mv -f "$task_record.$$.tmp" "$task_record"
}

# ldc saves on SIGTERM. Slurm sends this shell SIGUSR1 ${study.slurm.grace} s before the time is up; of a cancelled job it sends SIGTERM to every
# process itself, and a second one would make ldc quit unsaved.
stopped=
child=
trap 'stopped=timed-out; [ -z "$child" ] || kill -TERM "$child"' USR1
trap 'stopped=\${stopped:-cancelled}' TERM

run() {
  [ -z "$stopped" ] || return 130
  "$@" &
  child=$!
  while :; do
    wait "$child"; status=$?
    kill -0 "$child" 2>/dev/null || break
  done
  child=
  return "$status"
}

threads=\${SLURM_CPUS_PER_TASK:-1}
case $SLURM_ARRAY_TASK_ID in
${tasks.map((task, i) => `${i})\n${taskLines(task, folder)}\n  ;;`).join('\n')}
esac

mkdir -p "$(dirname "$task_record")" "$(dirname "$log")" "$(dirname "$result")"
exec >>"$log" 2>&1
record running
work; status=$?
rm -f "$result.$$.tmp"
if [ "$status" = 0 ]; then record ended 0
elif [ -n "$stopped" ]; then record "$stopped" "$status"
else record failed "$status"
fi
exit "$status"
`;
}

function directives({ slurm, name }: Study, folder: StudyFolder, tasks: number, dependency?: string): string[] {
  const option = (flag: string, value: string | number | undefined) =>
    value === undefined || value === 0 ? [] : [`--${flag}=${value}`];
  return [
    `--job-name=ldc-${name}`,
    `--array=0-${tasks - 1}`,
    `--output=${folder.slurm}/%A_%a.out`,
    `--signal=B:USR1@${slurm.grace}`,
    ...option('dependency', dependency),
    ...(dependency === undefined ? [] : ['--kill-on-invalid-dep=yes']),
    ...option('partition', slurm.partition),
    ...option('account', slurm.account),
    ...option('qos', slurm.qos),
    ...option('time', slurm.time),
    ...option('mem', slurm.memory),
    ...option('cpus-per-task', slurm.cpus),
    ...gpuDirective(slurm),
    ...slurm.options,
  ];
}

/** As the cluster wants it: `--gres`, or `--gpus` with `gres: false`; nothing for no GPU. */
function gpuDirective({ gpus, gres }: Study['slurm']): string[] {
  if (gres === false) return gpus > 0 ? [`--gpus=${gpus}`] : [];
  const resource = gres ?? gpus;
  if (resource === 0) return [];
  return [`--gres=${typeof resource === 'number' ? `gpu:${resource}` : resource}`];
}

function taskLines(task: Task, folder: StudyFolder): string {
  const result = task.commands.find(({ stdout }) => stdout !== undefined)?.stdout;
  return [
    `  task_record=${quoted(folder.task(task.id))}`,
    `  log=${quoted(folder.log(task.id))}`,
    `  result=${quoted(result ?? folder.result(task.id))}`,
    `  work() {`,
    `    ${commandsOf(task, '$threads').map(commandLine).join(' &&\n    ')}`,
    '  }',
  ].join('\n');
}

function commandLine({ args, stdout }: Command): string {
  const words = ['run', ...[...ldcProgram, ...args].map((word) => (word === '$threads' ? '"$threads"' : quoted(word)))];
  const line = words.join(' ');
  return stdout === undefined ? line : `${line} >"$result.$$.tmp" && mv -f "$result.$$.tmp" "$result"`;
}

/** A word for the shell. */
export function quoted(text: string): string {
  return /^[\w./=:+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
