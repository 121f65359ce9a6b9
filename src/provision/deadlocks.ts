import { rememberFor } from './memory.ts';
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
  // Most are ordered after nothing of the kind, which is found out faster than what they are ordered after.
  if (!units.some(mayBeLate)) return [];
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

interface Dependencies {
  /** What the unit is ordered after. */
  readonly after: readonly string[];
  /** What it starts with itself. */
  readonly pulls: readonly string[];
}

const dependencies = rememberFor(({ content = '', dropIns }: OrderedUnit): Dependencies => {
  const after: string[] = [];
  const pulls: string[] = [];
  for (const text of [content, ...dropIns.map((dropIn) => dropIn.content)]) {
    for (const [, key = '', value = ''] of withoutBreaks(text).matchAll(ORDERING)) {
      (key === 'After' ? after : pulls).push(...value.split(/\s+/));
    }
  }
  return { after, pulls };
});

/** False for a unit that is ordered after nothing that comes later than coreos-cloudinit. */
const mayBeLate = rememberFor(
  ({ content = '', dropIns }: OrderedUnit): boolean =>
    LATE.test(content) || dropIns.some((dropIn) => LATE.test(dropIn.content)),
);

const NAMES = [...LATER].map((name) => name.replaceAll('.', '\\.')).join('|');
/** Where a line goes on in the next one that is no comment (systemd.syntax(7)). */
const BREAK = '\\\\\\n(?:[^\\S\\n]*[#;][^\\n]*\\n)*';
/** `After=`, and one of them in the same line or where that goes on. */
const LATE = new RegExp(`After(?:${BREAK}|[^\\S\\n])*=(?:${BREAK}|[^\\n])*(?:${NAMES})`);

const ORDERING = /^[^\S\n]*(After|Requires|Wants|BindsTo)[^\S\n]*=(.*)$/gm;

/** With each setting in one line, and no comments, which are never continued. */
function withoutBreaks(unit: string): string {
  return unit.replace(/^[^\S\n]*[#;].*\n?/gm, '').replaceAll('\\\n', ' ');
}
