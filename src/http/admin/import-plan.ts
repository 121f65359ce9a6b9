import type { Config, MachineEntry } from '../../config/config.ts';
import type { DecisionChange } from '../../machines/changes.ts';
import type { MachineView, Rack } from '../../machines/rack.ts';
import type { ImportError, ImportFile, ImportRow } from './import-file.ts';
import type { ShownImportResult } from './schemas.ts';

/** What an import does, row by row. */
export interface ImportPlan {
  readonly steps: readonly ImportStep[];
  /** Everything that is wrong; nothing may be changed unless this is empty. */
  readonly errors: readonly ImportError[];
}

/** One row of an import. */
export interface ImportStep {
  readonly row: ImportRow;
  readonly outcome: ShownImportResult['outcome'];
  /** For people. */
  readonly detail: string;
  /** Undefined when all is as it should be already. */
  readonly change?: DecisionChange;
}

/** What is to be changed so that the rack is as a file says. Changes nothing. */
export function planImport(
  { rows, errors: faults }: ImportFile,
  rack: Pick<Rack, 'machine' | 'refusal'>,
  machines: Config['machines'],
): ImportPlan {
  const errors = [...faults];
  const steps: ImportStep[] = [];
  const macs = new Map<string, number>();
  const names = new Map<string, number>();
  for (const row of rows) {
    const machine = rack.machine(row.mac);
    const repeated =
      twice(macs, machine?.mac ?? row.mac, row.line) ??
      (row.hostname === undefined ? undefined : twice(names, row.hostname, row.line));
    const step = stepFor(row, machine, machines.get(row.mac));
    const fault = repeated ?? (step.change && rack.refusal(row.mac, step.change)?.message);
    if (fault !== undefined) errors.push({ line: row.line, detail: fault });
    else steps.push(step);
  }
  return { steps, errors: errors.sort((a, b) => a.line - b.line) };
}

function twice(seen: Map<string, number>, value: string, line: number): string | undefined {
  const before = seen.get(value);
  if (before !== undefined) return `${value} is on line ${before} too`;
  seen.set(value, line);
  return undefined;
}

function stepFor(
  row: ImportRow,
  machine: MachineView | undefined,
  entry: MachineEntry | undefined,
): ImportStep {
  const { mac, hostname, profile, labels, verdict } = row;
  const name = hostname ?? machine?.hostname ?? entry?.hostname ?? mac;
  switch (verdict) {
    case 'leave':
      return { row, outcome: 'unchanged', detail: `${name} is left as it is` };
    case 'refuse':
    case 'retire': {
      const outcome = verdict === 'refuse' ? 'refused' : 'retired';
      if (machine?.state === outcome)
        return { row, outcome: 'unchanged', detail: `${name} is ${outcome} already` };
      return { row, outcome, detail: name, change: { action: verdict } };
    }
    case 'approve': {
      if (isApprovedAs(row, machine, entry)) {
        return { row, outcome: 'unchanged', detail: `${name} is as the file says` };
      }
      const change: DecisionChange = {
        action: 'approve',
        ...(profile !== undefined && { profile }),
        ...(hostname !== undefined && { hostname }),
        ...(labels && { labels }),
      };
      const told = profile === undefined ? name : `${name} with profile ${profile}`;
      return { row, outcome: 'approved', detail: told, change };
    }
  }
}

function isApprovedAs(
  { hostname, profile, labels = {} }: ImportRow,
  machine: MachineView | undefined,
  entry: MachineEntry | undefined,
): boolean {
  const known = { ...entry?.labels, ...machine?.labels };
  return (
    (entry !== undefined || machine?.admission === 'boot') &&
    (hostname === undefined || hostname === (machine?.hostname ?? entry?.hostname)) &&
    (profile === undefined || profile === (machine?.profile ?? entry?.profile)) &&
    Object.entries(labels).every(([key, value]) => known[key] === value)
  );
}
