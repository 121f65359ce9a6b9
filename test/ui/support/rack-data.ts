import type { Boot, Machine, MachineState, Stage } from '../../../web/src/model/api.ts';

const STORY: readonly (readonly [Stage, number, string])[] = [
  ['discover', 0, 'UEFI x64 asks for an address'],
  ['offer', 2, 'UEFI x64 is offered 192.168.0.7'],
  ['ack', 1_010, 'UEFI x64 has 192.168.0.7'],
  ['loader', 1_400, 'UEFI x64 → iPXE by TFTP (snponly.efi 213 kB, 0.3 s, blksize 1468)'],
  ['script', 6_120, 'boots flatcar/4593.2.5'],
  ['kernel', 6_180, 'kernel flatcar_production_pxe.vmlinuz (61 MB)'],
  ['initrd', 7_300, 'initrd flatcar_production_pxe_image.cpio.gz (434 MB)'],
  ['document', 24_900, 'cloud-config 11 kB'],
  ['report', 29_300, 'reports disk: formatted /dev/sda as ext4'],
  ['report', 41_800, 'reports kubelet: started'],
  ['up', 42_050, 'is up'],
  ['registered', 44_400, 'has registered after 2.4 s'],
  ['ready', 56_800, 'is Ready'],
];

type TimelineEntry = Boot['entries'][number];

const NOTES: readonly TimelineEntry['kind'][] = ['retry', 'message'];

/** How far a machine in a state has come in the story. */
const REACHED: Readonly<Record<MachineState, Stage | undefined>> = {
  discovered: 'script',
  approved: 'ack',
  booting: 'initrd',
  running: 'up',
  registered: 'registered',
  ready: 'ready',
  stuck: 'script',
  refused: 'script',
  retired: 'ready',
};

const CAUSE =
  'The script was fetched, and no kernel after it: assets/flatcar/4593.2.5/flatcar_production_pxe.vmlinuz was asked for and is missing (404). Put it there, or name another image in profile worker.';

const VENDORS = [
  ['Dell Inc.', 'PowerEdge R650', 'CZJ'],
  ['Supermicro', 'SYS-1029P-WTR', 'S29'],
  ['HPE', 'ProLiant DL360 Gen10', 'CZ2'],
  ['QEMU', 'Standard PC (Q35 + ICH9, 2009)', 'QM'],
] as const;

/** The hardware address of the machine with this number. */
export function macOf(number: number): string {
  const digits = number.toString(16).padStart(6, '0');
  return `52:54:00:${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4)}`;
}

/**
 * A machine that is as far as its state says, with everything that such a machine has.
 * @param now milliseconds since the epoch
 */
export function makeMachine(
  number: number,
  state: MachineState,
  now: number,
  changes: Partial<Machine> = {},
): Machine {
  const [manufacturer, product, serial] = VENDORS[number % VENDORS.length] ?? VENDORS[0];
  const mac = macOf(number);
  const known = state !== 'discovered' && state !== 'refused' && state !== 'retired';
  const stage = REACHED[state];
  const reached = STORY.find(([name]) => name === stage)?.[1] ?? 0;
  const since = now - 12_000 - (number % 50) * 61_000;
  const began = since - reached;
  const iso = (at: number) => new Date(at).toISOString();
  return {
    mac,
    cards: [mac],
    state,
    since: iso(since),
    hostname: known ? `worker-${number}` : `node-${mac.replaceAll(':', '')}`,
    ...(known && { profile: number % 5 === 0 ? 'storage' : 'worker', index: number }),
    admission: known ? 'boot' : 'hold',
    reason: known ? 'default_profile' : 'no entry in machines/, and unknown_machines is hold',
    labels: known ? { rack: `r${1 + (number % 8)}`, zone: number % 2 ? 'a' : 'b' } : {},
    network: 'kubernetes1',
    address: `192.168.${Math.floor(number / 250)}.${1 + (number % 250)}`,
    firmware: number % 3 === 0 ? 'BIOS' : 'UEFI x64',
    loader: number % 3 === 0 ? 'undionly.kpxe' : 'snponly.efi',
    attachment: { circuit: `Ethernet1/${1 + (number % 48)}`, remote: `leaf-${1 + (number % 8)}` },
    inventory: {
      manufacturer,
      product,
      serial: `${serial}${1000 + number}`,
      uuid: `4c4c4544-0042-3510-8052-${mac.replaceAll(':', '')}`,
      buildarch: 'x86_64',
      platform: number % 3 === 0 ? 'pcbios' : 'efi',
    },
    firstSeen: iso(began - 86_400_000),
    lastSeen: iso(now - (number % 7) * 1_000),
    ...(stage && { stage, stageAt: iso(since) }),
    ...(state === 'booting' && {
      progress: {
        file: 'flatcar/4593.2.5/flatcar_production_pxe_image.cpio.gz',
        bytes: Math.round(434_000_000 * ((number % 10) / 10 + 0.04)),
        size: 434_000_000,
      },
    }),
    ...(state === 'stuck' && { stuck: { stage: 'script', since: iso(since), cause: CAUSE } }),
    revision: known ? 1 : 0,
    ...changes,
  };
}

/** As many machines as asked for: most are ready, and each state has its share. */
export function makeMachines(count: number, now: number): Machine[] {
  const shares: readonly [MachineState, number][] = [
    ['discovered', 0.01],
    ['stuck', 0.004],
    ['booting', 0.06],
    ['running', 0.02],
    ['registered', 0.02],
    ['approved', 0.01],
    ['refused', 0.006],
    ['retired', 0.02],
  ];
  const states = shares.flatMap(([state, share]) =>
    Array<MachineState>(Math.max(1, Math.round(share * count))).fill(state),
  );
  return Array.from({ length: count }, (_, index) => makeMachine(index + 1, states[index] ?? 'ready', now));
}

/** The boots of a machine, the newest first: one that came as far as its state says, and two good ones before. */
export function makeBoots(machine: Machine): Boot[] {
  const reached = REACHED[machine.state];
  const length = STORY.findLastIndex(([stage]) => stage === reached) + 1;
  const began = Date.parse(machine.since) - (STORY[length - 1]?.[1] ?? 0);
  const day = 86_400_000;
  return [
    makeBoot(3, began, length, machine),
    makeBoot(2, began - day, STORY.length, machine),
    makeBoot(1, began - 9 * day, STORY.length, machine),
  ];
}

function makeBoot(number: number, began: number, length: number, { stuck }: Machine): Boot {
  const entries: TimelineEntry[] = STORY.slice(0, length).map(([kind, after, detail]) => ({
    kind,
    at: new Date(began + after).toISOString(),
    detail,
  }));
  for (const kind of length > 4 ? NOTES : []) {
    const at = new Date(began + 5_800).toISOString();
    entries.splice(4, 0, {
      kind,
      at,
      detail: kind === 'retry' ? 'asks for the script again' : 'ipxe: net0: 52:54:00…',
    });
  }
  if (stuck && number === 3) entries.push({ kind: 'stuck', at: stuck.since, detail: stuck.cause });
  return { number, began: new Date(began).toISOString(), entries };
}

export const SCRIPT = `#!ipxe
echo worker-7 (52:54:00:00:00:07) boots flatcar/4593.2.5
set file http://192.168.0.254/assets/flatcar/4593.2.5/flatcar_production_pxe.vmlinuz
set pause:int32 1
:fetch1
imgfree
kernel \${file} initrd=flatcar_production_pxe_image.cpio.gz console=tty0 cloud-config-url=http://192.168.0.254/cloud-config/52-54-00-00-00-07 && goto fetched1 ||
`;

export const DOCUMENT = `#cloud-config
hostname: worker-7
write_files:
  - path: /etc/kubernetes/kubeconfig
    permissions: '0600'
    content: (a key, left out)
coreos:
  units:
    - name: kubelet.service
      command: start
`;
