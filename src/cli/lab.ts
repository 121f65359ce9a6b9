import { setTimeout as pause } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../config/units.ts';
import { GUESTS, type Guest } from '../lab/guests.ts';
import type { Lab } from '../lab/lab.ts';
import { formatSeconds, type MachineProgress } from '../lab/progress.ts';
import { ACCELERATORS, type Accelerator, FIRMWARES, type Firmware } from '../lab/qemu.ts';
import { drawRack, newStages, stageLine } from '../lab/view.ts';

/** The options of `rackseed lab`. */
export interface LabCommandOptions {
  readonly firmware: Firmware;
  readonly count: number;
  readonly accel: Accelerator;
  /** Seconds that all machines have to come up; counts with `once` only. */
  readonly timeout: number;
  readonly once?: boolean;
  readonly keep?: boolean;
  readonly guest: Guest;
  readonly image?: string;
  readonly config?: string;
  readonly profile?: string;
}

/** Adds `lab` to the command line; its exit status becomes that of this process. */
export function addLabCommand(program: Command): void {
  program
    .command('lab')
    .description(
      'boot virtual machines in a network namespace of their own, against a service of their own (root)',
    )
    .addOption(new Option('--firmware <kind>', 'how the machines start').choices(FIRMWARES).default('bios'))
    .option('--count <n>', 'number of machines', parseCount, 1)
    .addOption(
      new Option('--guest <kind>', 'what the machines run: a small Linux, or Debian with systemd')
        .choices(GUESTS)
        .default('small'),
    )
    .option('--image <dir>', "boot this folder's vmlinuz and initrd.img instead")
    .option('--config <dir>', 'use the profiles/ and machines/ of this configuration')
    .option('--profile <name>', 'what machines get that have no profile of their own')
    .option('--once', 'end when every machine is up: exit status 0, or 1 when not in time')
    .option('--timeout <duration>', 'with --once: time that all machines have to come up', parseTimeout, 300)
    .addOption(new Option('--accel <kind>', 'emulation, or /dev/kvm').choices(ACCELERATORS).default('tcg'))
    .option('--keep', 'leave disks, console logs and configuration behind')
    .addHelpText(
      'after',
      `
The small guest reads a cloud-config and knows a part of systemd's units. The Debian guest reads what its profile says,
with real Ignition or real cloud-init (profiles lab-ignition and lab-cloud-init), or a cloud-config (lab-cloud-config).

With --config the machines that machines/*.yaml name first are switched on, further ones have the addresses
52:54:00:00:00:01 and so on. Profiles are used as they are, except that the lab's image (or the one of --image)
takes the place of theirs; the network is always the lab's own, 192.168.0.254/24.`,
    )
    .action(async (options: LabCommandOptions) => {
      process.exitCode = await labCommand(options);
    });
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 100) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 100.');
  }
  return count;
}

function parseTimeout(text: string): number {
  const seconds = parseDuration(text);
  if (!seconds) throw new InvalidArgumentError('It must be a duration such as 90s or 5m.');
  return seconds;
}

/**
 * Runs a virtual rack and shows how its machines boot: redrawn in place on a terminal, a line for each stage otherwise.
 * Ctrl-C and SIGTERM end it, and everything it made is gone when this returns.
 * @returns exit status: 0 when it was ended by hand or, with `once`, when every machine came up; 1 when they did not or
 *   the rack could not be built; 130 when it was interrupted before `once` was reached
 */
export async function labCommand(options: LabCommandOptions): Promise<number> {
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  let lab: Lab | undefined;
  try {
    const { accel: accelerator, timeout: _, once: __, ...rack } = options;
    const { startLab } = await import('../lab/lab.ts');
    lab = await startLab({ ...rack, accelerator, signal: interrupt.signal, onStep: say });
    await watchBoot(lab, options, interrupt.signal);
    return 0;
  } catch (error) {
    if (interrupt.signal.aborted) return options.once ? 130 : 0;
    say(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    await lab?.stop();
    if (lab && options.keep) say(`disks, logs and configuration are in ${lab.directory}`);
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

async function watchBoot(lab: Lab, options: LabCommandOptions, signal: AbortSignal): Promise<void> {
  say(
    `switching on ${options.count === 1 ? 'a machine' : `${options.count} machines`} (${options.firmware})`,
  );
  for (const { name, console } of lab.machines) say(`console of ${name}: nc -U ${console}`);
  const show = process.stdout.isTTY ? drawInPlace(lab) : printStages();
  await lab.powerOn();
  const timeout = options.once ? options.timeout * 1000 : Number.POSITIVE_INFINITY;
  do {
    const machines = await lab.whenUp({ timeout, signal, onProgress: (now) => show(now) });
    const slowest = Math.max(...machines.map(({ stages }) => stages.at(-1)?.after ?? 0));
    const up = `${machines.length === 1 ? 'the machine is' : 'all machines are'} up after ${formatSeconds(slowest)}`;
    show(machines, options.once ? up : `${up}; Ctrl-C ends the lab`);
    if (!options.once) await pause(1000, undefined, { signal });
  } while (!options.once);
}

/** Shows how far the machines are, with a line below about all of them. */
type Display = (machines: readonly MachineProgress[], footer?: string) => void;

/** Overwrites what it drew before. */
function drawInPlace(lab: Lab): Display {
  let drawn = 0;
  return (machines, footer) => {
    const { columns, rows } = process.stdout;
    const lines = drawRack(machines, lab.clock(), { columns, rows: rows - 1 });
    if (footer) lines.push(footer);
    const up = drawn > 0 ? `\x1b[${drawn}A` : '';
    process.stdout.write(`${up}${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`);
    drawn = lines.length;
  };
}

/** Prints each stage once, when it's new, and the line below when it changes. */
function printStages(): Display {
  let before: readonly MachineProgress[] = [];
  let lastFooter: string | undefined;
  return (machines, footer) => {
    for (const { machine, reached } of newStages(before, machines)) say(stageLine(machine, reached));
    if (footer && footer !== lastFooter) say(footer);
    before = machines;
    lastFooter = footer ?? lastFooter;
  };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
