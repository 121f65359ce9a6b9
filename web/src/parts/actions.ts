import type { Machine, MachineState } from '../model/api.ts';
import { formatLabels, labelChange, parseLabels } from '../model/labels.ts';

export const ACTIONS = [
  'approve',
  'refuse',
  'boot-once',
  'assign',
  'rename',
  'label',
  'adopt-disk',
  'wake',
  'retire',
  'forget',
] as const;

/** What can be done with a machine, named as in the API. */
export type ActionName = (typeof ACTIONS)[number];

/** What the fields of an action's dialog hold, as typed. */
export interface Values {
  readonly profile: string;
  readonly hostname: string;
  readonly labels: string;
}

/** How an action is offered, explained and sent. */
export interface Action {
  /** On the button that opens the dialog; without dots, it heads the dialog. */
  readonly label: string;
  /** What happens, said before it does. */
  readonly effect: (machine: Machine) => string;
  /** True when it takes something away that can't be brought back. */
  readonly danger?: boolean;
  readonly fields: readonly (keyof Values)[];
  /** What stands in the fields at first. */
  readonly initial: (machine: Machine) => Partial<Values>;
  /** What is sent; throws an Error for people when a field can't be read. */
  readonly body: (values: Values, machine: Machine) => unknown;
  /** Said when it's done. */
  readonly done: (machine: Machine) => string;
}

const NOTHING = { fields: [], initial: () => ({}), body: () => ({}) } as const;

const TABLE: Readonly<Record<ActionName, Action>> = {
  approve: {
    label: 'Approve',
    effect: (machine) =>
      machine.state === 'discovered'
        ? 'It boots its profile when it asks next, within seconds and without a power cycle, and is given the keys in its document.'
        : 'It may boot again: it gets its profile when it asks next, and the keys in its document.',
    fields: ['profile', 'hostname', 'labels'],
    initial: ({ labels }) => ({ labels: formatLabels(labels) }),
    body: ({ profile, hostname, labels }) => ({
      ...(profile && { profile }),
      ...(hostname.trim() && { hostname: hostname.trim() }),
      ...(labels.trim() && { labels: parseLabels(labels) }),
    }),
    done: ({ hostname }) => `${hostname} is approved`,
  },
  refuse: {
    ...NOTHING,
    label: 'Refuse',
    effect: () =>
      'It gets neither a profile nor a document, and its screen says that it was refused. What runs on it already goes on until it boots again. It can be approved later.',
    done: ({ hostname }) => `${hostname} is refused`,
  },
  'boot-once': {
    label: 'Boot once',
    effect: (machine) =>
      `Its next boot gets this profile${machine.profile ? `, the boot after that ${machine.profile} again` : ''}. Nothing happens until it boots.`,
    fields: ['profile'],
    initial: ({ bootOnce }) => ({ profile: bootOnce ?? '' }),
    body: ({ profile }) => ({ profile: profile || null }),
    done: ({ hostname, bootOnce }) =>
      bootOnce ? `${hostname} boots ${bootOnce} next, once` : `${hostname} boots as always`,
  },
  assign: {
    label: 'Assign profile',
    effect: () => 'It gets this profile from its next boot on. What runs on it now goes on until then.',
    fields: ['profile'],
    initial: ({ profile }) => ({ profile: profile ?? '' }),
    body: ({ profile }) => ({ profile: profile || null }),
    done: ({ hostname, profile }) => `${hostname} boots ${profile ?? 'nothing'} from now on`,
  },
  rename: {
    label: 'Rename',
    effect: () => 'It is shown by this name at once, and goes by it from its next boot on.',
    fields: ['hostname'],
    initial: ({ hostname }) => ({ hostname }),
    body: ({ hostname }) => ({ hostname: hostname.trim() || null }),
    done: ({ hostname }) => `It is called ${hostname} now`,
  },
  label: {
    label: 'Edit labels',
    effect: () => 'Rules and documents see these labels from its next boot on.',
    fields: ['labels'],
    initial: ({ labels }) => ({ labels: formatLabels(labels) }),
    body: ({ labels }, machine) => ({ labels: labelChange(machine.labels, parseLabels(labels)) }),
    done: ({ hostname }) => `${hostname} has its labels`,
  },
  'adopt-disk': {
    ...NOTHING,
    label: 'Adopt disk',
    effect: () =>
      'Its next boot may format its local disk whatever is on it. All data on that disk is lost. The boot after that goes by the label again.',
    danger: true,
    done: ({ hostname }) => `${hostname} may take its disk at its next boot`,
  },
  wake: {
    ...NOTHING,
    label: 'Wake',
    effect: () =>
      'A magic packet is sent to its cards. A machine that is off and has Wake-on-LAN enabled in its firmware switches on; one that runs goes on as it is.',
    done: ({ hostname }) => `A magic packet was sent to ${hostname}`,
  },
  retire: {
    ...NOTHING,
    label: 'Retire',
    effect: () =>
      'It gets nothing at its next boot, and its screen says that it is retired. What runs on it now goes on until then. It can be approved again later.',
    done: ({ hostname }) => `${hostname} is retired`,
  },
  forget: {
    ...NOTHING,
    label: 'Forget',
    effect: () =>
      'Its approval, name, labels and the story of its boots are deleted. If it is switched on again, it is a new machine.',
    danger: true,
    done: ({ hostname }) => `${hostname} is forgotten`,
  },
};

/** How an action is offered, explained and sent. */
export function describeAction(name: ActionName): Action {
  return TABLE[name];
}

const OUTSIDE: readonly MachineState[] = ['discovered', 'refused', 'retired'];

/** What can be done with a machine as it stands, in the order in which it's offered. */
export function offeredActions(machine: Machine): readonly ActionName[] {
  return ACTIONS.filter((name) => {
    // What machines/ says can only be unsaid there.
    if (name === 'forget') return machine.place === undefined;
    if (name === 'approve') return OUTSIDE.includes(machine.state);
    if (name === 'refuse') return machine.state === 'discovered';
    return !OUTSIDE.includes(machine.state);
  });
}
