import type { Machine } from '../../../web/src/model/api.ts';
import { ACTIONS, type ActionName } from '../../../web/src/parts/actions.ts';

/** What the double answers with a problem document. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

interface Body {
  readonly profile?: string | null;
  readonly hostname?: string | null;
  readonly labels?: Readonly<Record<string, string | null>>;
}

/** True for what can be posted. */
export function isMachineAction(action: string): action is Exclude<ActionName, 'forget'> {
  return action !== 'forget' && (ACTIONS as readonly string[]).includes(action);
}

/** The machine after a change, as the server would show it. */
export function applyAction(before: Machine, action: ActionName, body: Body): Machine {
  const { profile, hostname, labels } = body;
  if (typeof hostname === 'string' && !/^[a-z0-9-]+$/.test(hostname)) {
    throw new Refusal(422, `${hostname} isn’t a hostname: lower case letters, digits and hyphens`);
  }
  const after = {
    ...before,
    revision: before.revision + 1,
    decidedBy: 'local',
    decidedAt: new Date().toISOString(),
  };
  const since = new Date().toISOString();
  const name = hostname ?? before.hostname;
  const merged = Object.entries({ ...before.labels, ...labels }).filter(([, value]) => value !== null);
  switch (action) {
    case 'approve':
      return {
        ...after,
        state: 'approved',
        since,
        admission: 'boot',
        profile: profile ?? 'worker',
        hostname: name,
        labels: Object.fromEntries(merged) as Record<string, string>,
      };
    case 'refuse':
      return { ...after, state: 'refused', since, admission: 'hold', reason: 'refused by local' };
    case 'retire':
      return { ...after, state: 'retired', since, admission: 'hold', reason: 'retired by local' };
    case 'rename':
      return { ...after, hostname: name };
    case 'label':
      return { ...after, labels: Object.fromEntries(merged) as Record<string, string> };
    case 'assign':
      return { ...after, profile: profile ?? 'worker' };
    case 'wake':
      return before;
    case 'adopt-disk':
      return { ...after, adoptDisk: true };
    case 'boot-once': {
      const { bootOnce: _, ...rest } = after;
      return profile ? { ...rest, bootOnce: profile } : rest;
    }
    case 'forget':
      throw new Refusal(404, 'forget is DELETE');
  }
}
