import { remember } from './memory.ts';
import type { NodeUnit } from './node.ts';

/** What coreos-cloudinit itself comes before: a unit that waits for one of these waits for the program that starts it. */
const LATER = new Set([
  'multi-user.target',
  'graphical.target',
  'default.target',
  'user-config.target',
  'user-cloudinit-proc-cmdline.service',
]);

const STARTING: ReadonlySet<string | undefined> = new Set(['start', 'restart', 'reload-or-restart']);

/** A unit whose command would wait for ever, and what it waits for. */
export interface Deadlock {
  readonly unit: string;
  readonly after: string;
}

/** The parts of a unit that decide about it. */
export type OrderedUnit = Pick<NodeUnit, 'name' | 'content' | 'command' | 'dropIns'>;

/**
 * Finds units whose command would wait for ever: coreos-cloudinit runs before multi-user.target is reached and waits for
 * each command, until systemd ends it after ten minutes.
 */
export function findDeadlocks(units: readonly OrderedUnit[]): Deadlock[] {
  const known = new Map(units.map((unit) => [unit.name, dependencies(unit)]));
  const waitsFor = (name: string, seen: readonly string[]): string | undefined => {
    const unit = known.get(name);
    if (!unit || seen.includes(name)) return undefined;
    return unit.after
      .map((other) => {
        if (LATER.has(other)) return other;
        return unit.pulls.includes(other) ? waitsFor(other, [...seen, name]) : undefined;
      })
      .find((later) => later !== undefined);
  };
  return units.flatMap(({ name, command }) => {
    const after = STARTING.has(command) ? waitsFor(name, []) : undefined;
    return after === undefined ? [] : [{ unit: name, after }];
  });
}

/** What a unit is ordered after, and what it starts with itself. */
function dependencies({ content = '', dropIns }: OrderedUnit): Dependencies {
  return readDependencies([content, ...dropIns.map((dropIn) => dropIn.content)].join('\n'));
}

interface Dependencies {
  readonly after: readonly string[];
  readonly pulls: readonly string[];
}

const readDependencies = remember((text): Dependencies => {
  const lines = text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => /^\s*(\w+)\s*=(.*)$/.exec(line));
  const values = (keys: readonly string[]) =>
    lines.flatMap((match) => (match && keys.includes(match[1] ?? '') ? (match[2] ?? '').split(/\s+/) : []));
  return { after: values(['After']), pulls: values(['Requires', 'Wants', 'BindsTo']) };
});
