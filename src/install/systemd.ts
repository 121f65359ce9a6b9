import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Change, Step } from './step.ts';

const execute = promisify(execFile);

/** Runs a program to its end, and gives what it printed. Rejects with its complaint. */
export async function command(...argv: readonly string[]): Promise<string> {
  const [program = '', ...args] = argv;
  try {
    return (await execute(program, args)).stdout;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${argv.join(' ')}: ${stderr?.trim() || message}`);
  }
}

/** True for what `program` says by its exit status. */
export async function succeeds(...argv: readonly string[]): Promise<boolean> {
  return command(...argv).then(
    () => true,
    () => false,
  );
}

/** systemctl(1), of the system that runs or of the one below `root`, which can only enable and disable. */
export interface Systemctl {
  /** Units that are started at boot. */
  enabledStep(units: readonly string[]): Step;
  /** Units that are neither running nor started at boot. */
  stoppedStep(units: readonly string[]): Step;
  /** systemd has read the unit files as they are. */
  reloadedStep(): Step;
  /**
   * `units` run; they are started anew when one of the steps that write them finds something to do, or did it since, or when
   * they are outdated in another way.
   */
  runningStep(units: readonly string[], writers: readonly Step[], isOutdated: boolean): Step;
}

/** @param root the folder of the system; `/` for the one that runs */
export function createSystemctl(root: string): Systemctl {
  const isRunning = root === '/';
  const systemctl = isRunning ? ['systemctl'] : ['systemctl', `--root=${root}`];
  const only = (look: () => Promise<Change | undefined>) => async () => (isRunning ? look() : undefined);
  return {
    enabledStep: (units) => ({
      title: `${units.join(', ')} at boot`,
      async look() {
        if (await succeeds(...systemctl, 'is-enabled', '--quiet', ...units)) return undefined;
        return {
          lines: ['enabled'],
          apply: async () => void (await command(...systemctl, 'enable', ...units)),
        };
      },
    }),
    stoppedStep: (units) => ({
      title: `${units.join(', ')} stopped`,
      async look() {
        const wanted: string[] = [];
        for (const unit of units) {
          const isUsed =
            (isRunning && (await succeeds('systemctl', 'is-active', '--quiet', unit))) ||
            (await succeeds(...systemctl, 'is-enabled', '--quiet', unit));
          if (isUsed) wanted.push(unit);
        }
        if (wanted.length === 0) return undefined;
        const now = isRunning ? ['--now'] : [];
        return {
          lines: wanted.map((unit) => `${unit} stopped and disabled`),
          apply: async () => void (await command(...systemctl, 'disable', ...now, ...wanted)),
        };
      },
    }),
    reloadedStep: () => ({
      title: 'systemd knows the units',
      look: only(async () => {
        const units = await command(
          'systemctl',
          'show',
          '--property=NeedDaemonReload',
          '--value',
          'rackseed*',
        );
        if (!/^yes$/m.test(units)) return undefined;
        return {
          lines: ['systemctl daemon-reload'],
          apply: async () => void (await command('systemctl', 'daemon-reload')),
        };
      }),
    }),
    runningStep: (units, writers, isOutdated) => ({
      title: `${units.join(', ')} running`,
      look: only(async () => {
        const runs = await succeeds('systemctl', 'is-active', '--quiet', ...units);
        if (runs && !isOutdated && !(await isStale(units, writers))) return undefined;
        return {
          lines: [runs ? 'restarted' : 'started'],
          async apply() {
            // Sockets can't be opened anew while the service that uses them runs.
            await command('systemctl', 'stop', ...units);
            await command('systemctl', 'start', ...units);
          },
        };
      }),
    }),
  };
}

/** True when a unit's file is younger than its start, or is about to be written. */
async function isStale(units: readonly string[], writers: readonly Step[]): Promise<boolean> {
  for (const writer of writers) if (await writer.look()) return true;
  for (const unit of units) {
    const facts = await command(
      ...['systemctl', 'show', '--timestamp=unix'],
      ...['--property=ActiveEnterTimestamp,FragmentPath,DropInPaths', unit],
    );
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(facts)?.[1] ?? '';
    const started = Number(value('ActiveEnterTimestamp').replace('@', '')) * 1000;
    const files = [value('FragmentPath'), ...value('DropInPaths').split(' ')].filter((path) => path !== '');
    for (const path of files) if ((await stat(path)).mtimeMs > started + 1000) return true;
  }
  return false;
}
