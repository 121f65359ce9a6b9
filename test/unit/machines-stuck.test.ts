import test from 'ava';
import type { Profile } from '../../src/config/config.ts';
import { ip } from '../support/dhcp.ts';
import { DISK, KNOWN, testConfig, UNKNOWN } from '../support/provisioning.ts';
import { bootingMachine, type TestRack, testRack } from '../support/rack.ts';

type Machine = ReturnType<typeof bootingMachine>;

const worker = testConfig().profiles.get('worker') as Profile;
/** worker, as a node that reports that it is up. */
const NODE = {
  profiles: new Map([
    [
      'worker',
      {
        ...worker,
        kubernetes: { role: 'worker', kubelet: { source: 'image' }, labels: {}, taints: [], config: {} },
      } satisfies Profile,
    ],
  ]),
};

const toScript = (machine: Machine) => {
  machine.dhcp(machine.BIOS);
  machine.loader();
  machine.dhcp(machine.IPXE);
  machine.script();
};
const toInitrd = (machine: Machine) => {
  toScript(machine);
  machine.kernel();
  machine.initrd();
};

/** What happens, and after how many seconds without movement which cause is told. */
const CAUSES: readonly [
  what: string,
  act: (machine: Machine, rack: TestRack) => void,
  seconds: number,
  cause: RegExp,
][] = [
  [
    'an OFFER without a REQUEST',
    (machine) => machine.discover(machine.BIOS),
    30,
    /^no REQUEST followed the OFFER: another DHCP server won, or the OFFER does not reach the machine/,
  ],
  [
    'a REQUEST that names another server',
    (machine, { tracker }) => {
      machine.discover(machine.BIOS);
      const chosen = {
        request: 'SELECTING',
        reason: 'other-server-chosen',
        server: ip('192.168.0.1'),
      } as const;
      tracker.dhcp({ type: 'silent', client: machine.BIOS, ...chosen }, machine.tick());
    },
    30,
    /^another DHCP server \(192\.168\.0\.1\) won: switch it off/,
  ],
  [
    'an iPXE that keeps asking though it says that it has an OFFER',
    (machine) => {
      machine.discover(machine.IPXE);
      machine.discover({ ...machine.IPXE, secs: (3 << 2) | 2 });
    },
    30,
    /^the machine has an OFFER but asks for no address/,
  ],
  [
    'an ACK and no TFTP',
    (machine) => machine.dhcp(machine.BIOS),
    30,
    /^BIOS has its address but never asked for its loader: a firewall .* or BIOS needs another loader/,
  ],
  [
    'a question for the size, and nothing after',
    (machine, { tracker }) => {
      machine.dhcp(machine.BIOS);
      tracker.tftp(
        { type: 'probe', client: machine.client, file: 'undionly.kpxe', size: 68_000 },
        machine.tick(),
      );
    },
    30,
    /^BIOS asked for the size of undionly\.kpxe and then for nothing more: large packets get lost: set tftp\.blksize to 512/,
  ],
  [
    'a loader that breaks off again and again',
    (machine) => {
      machine.dhcp(machine.BIOS);
      for (let n = 0; n < 2; n += 1) {
        machine.started();
        machine.fails(0);
      }
    },
    30,
    /^undionly\.kpxe broke off 2 times after 0 B of 68 kB \(0 %\): large packets get lost: set tftp\.blksize to 512/,
  ],
  [
    'a loader that was begun and gets nowhere',
    (machine) => {
      machine.dhcp(machine.BIOS);
      machine.started();
    },
    30,
    /^undionly\.kpxe does not get through by TFTP: large packets get lost/,
  ],
  [
    'a loader that is not there',
    (machine, { tracker }) => {
      machine.dhcp(machine.BIOS);
      const refused = { type: 'refused', reason: 'not-found', detail: 'no such file' } as const;
      tracker.tftp({ ...refused, client: machine.client, file: 'undionly.kpxe' }, machine.tick());
    },
    30,
    /^the loader is not to be had: undionly\.kpxe: no such file/,
  ],
  [
    'a loader after which nobody asks for an address',
    (machine) => {
      machine.dhcp(machine.BIOS);
      machine.loader();
    },
    30,
    /^undionly\.kpxe was fetched, but no iPXE asks for an address: BIOS can't start it/,
  ],
  [
    'an iPXE that has its address and asks for no script',
    (machine) => machine.dhcp(machine.IPXE),
    30,
    /^iPXE has its address but never asked for its script: something .* holds up HTTP/,
  ],
  [
    'a kernel that is not there',
    (machine) => {
      toScript(machine);
      machine.refused('/assets/*', 404, 'there is no file "/assets/flatcar/1/vmlinuz" on the server');
    },
    30,
    /^no kernel: there is no file "\/assets\/flatcar\/1\/vmlinuz" on the server; put the file there/,
  ],
  ['a script and no kernel', toScript, 30, /^the machine asks for no kernel: too little memory/],
  [
    'a kernel that breaks off',
    (machine) => {
      toScript(machine);
      for (let n = 0; n < 3; n += 1) {
        machine.asset('/assets/flatcar/1/vmlinuz', { complete: false, bytes: 4_040_000 });
      }
    },
    30,
    /^vmlinuz broke off 3 times after 4\.0 MB of 8\.1 MB \(49 %\): a bad cable/,
  ],
  [
    'an initrd that is not there',
    (machine) => {
      toScript(machine);
      machine.kernel();
      machine.refused('/assets/*', 404, 'there is no file "/assets/flatcar/1/initrd.gz" on the server');
    },
    30,
    /^no initrd: there is no file "\/assets\/flatcar\/1\/initrd\.gz"/,
  ],
  [
    'a document that is refused',
    (machine) => {
      toInitrd(machine);
      machine.refused('/cloud-config/:mac', 403, 'the token of worker-01 was used already');
    },
    30,
    /^the document was refused: the token of worker-01 was used already; restart the machine/,
  ],
  [
    'a kernel that asks for nothing',
    toInitrd,
    62,
    /^kernel and initrd were fetched, and nothing after: the kernel panicked/,
  ],
  [
    'a system that has an address and asks for no document',
    (machine) => {
      toInitrd(machine);
      machine.dhcp(machine.LINUX);
    },
    62,
    /^the operating system has an address but asks for no cloud-config/,
  ],
  [
    'a node that has its document and reports nothing',
    (machine) => {
      toInitrd(machine);
      machine.document();
    },
    302,
    /^the node has its document, but reports nothing/,
  ],
  [
    'a node that stops reporting on its way',
    (machine) => {
      toInitrd(machine);
      machine.document();
      machine.says('kubelet', 'running, but not healthy');
    },
    302,
    /^the node reports kubelet: running, but not healthy, and then nothing more/,
  ],
];

for (const [what, act, seconds, cause] of CAUSES) {
  test(`${what} is stuck within ${seconds} s, and the cause says why`, (t) => {
    const rack = testRack({ config: NODE });
    const machine = bootingMachine(rack);
    act(machine, rack);
    const since = rack.watch.signs(KNOWN)?.moved ?? 0;
    machine.wait(Math.floor(seconds * 0.75) - (rack.settings.now - since) / 1_000);
    t.is(rack.rack.machine(KNOWN)?.stuck, undefined, 'not before its time');
    machine.wait(seconds);
    const view = rack.rack.machine(KNOWN);
    t.is(view?.state, 'stuck');
    t.regex(view?.stuck?.cause ?? '', cause);
    t.like(view?.stuck, { since, stage: view?.stage });
    t.is(rack.entries().filter((entry) => entry.startsWith('stuck: ')).length, 1);
    t.deepEqual(rack.states().slice(-1), ['stuck']);
  });
}

test('a boot that goes on is stuck no more', (t) => {
  const rack = testRack();
  const machine = bootingMachine(rack);
  toScript(machine);
  machine.wait(30);
  t.is(rack.rack.machine(KNOWN)?.state, 'stuck');
  machine.kernel();
  t.is(rack.rack.machine(KNOWN)?.state, 'booting');
  machine.initrd();
  machine.document();
  t.is(rack.rack.machine(KNOWN)?.state, 'running');
  machine.wait(600);
  t.is(rack.rack.machine(KNOWN)?.state, 'running');
});

test('nothing is kept of a boot that went well, and the next one is watched like the first', (t) => {
  const rack = testRack();
  const machine = bootingMachine(rack);
  toInitrd(machine);
  machine.document();
  machine.wait(60);
  t.is(rack.watch.signs(KNOWN), undefined);
  toScript(machine);
  machine.wait(30);
  t.is(rack.rack.machine(KNOWN)?.state, 'stuck');
});

test('a machine that starts over and comes no further stays stuck, and is so no more when it does', (t) => {
  const rack = testRack();
  const machine = bootingMachine(rack);
  toScript(machine);
  machine.wait(30);
  rack.states();
  toScript(machine);
  t.is(rack.rack.machine(KNOWN)?.state, 'stuck');
  machine.wait(30);
  t.is(rack.entries().filter((entry) => entry.startsWith('stuck: ')).length, 1, 'told in each boot');
  t.deepEqual(rack.states(), ['stuck'], 'told once');
  toScript(machine);
  machine.kernel();
  t.is(rack.rack.machine(KNOWN)?.state, 'booting');
});

test('a download that goes on is not stuck, however long it takes', (t) => {
  const rack = testRack();
  const machine = bootingMachine(rack);
  toScript(machine);
  for (let n = 1; n < 20; n += 1) {
    machine.wait(20);
    rack.tracker.http(
      {
        type: 'asset-progress',
        address: machine.client.address,
        path: '/assets/flatcar/1/vmlinuz',
        bytes: n * 100_000,
        size: 8_100_000,
      },
      rack.settings.now,
    );
  }
  t.is(rack.rack.machine(KNOWN)?.state, 'booting');
  machine.wait(30);
  t.regex(rack.rack.machine(KNOWN)?.stuck?.cause ?? '', /^vmlinuz stands still at 23 %/);
});

test('a kernel on its way by TFTP is not stuck; when it breaks off, how far it came is told', (t) => {
  const rack = testRack();
  const machine = bootingMachine(rack);
  toScript(machine);
  const { client } = machine;
  const file = 'assets/flatcar/1/vmlinuz';
  rack.tracker.tftp({ type: 'started', client, file, size: 8_100_000 }, machine.tick());
  machine.wait(120);
  t.is(rack.rack.machine(KNOWN)?.state, 'booting');
  const failed = {
    type: 'failed',
    client,
    file,
    reason: 'timeout',
    detail: 'no ACK',
    bytes: 810_000,
  } as const;
  rack.tracker.tftp(failed, machine.tick());
  machine.wait(30);
  t.regex(rack.rack.machine(KNOWN)?.stuck?.cause ?? '', /^vmlinuz broke off once after .* \(10 %\)/);
});

test('firmware that fetches its loader over and over is told as a chain loop at its third round', (t) => {
  const rack = testRack();
  const machine = bootingMachine(rack);
  for (let n = 0; n < 2; n += 1) {
    machine.dhcp(machine.BIOS);
    machine.loader();
  }
  t.is(rack.rack.machine(KNOWN)?.state, 'booting');
  machine.dhcp(machine.BIOS);
  t.like(rack.rack.machine(KNOWN), { state: 'stuck', stuck: { stage: 'loader' } });
  t.regex(
    rack.rack.machine(KNOWN)?.stuck?.cause ?? '',
    /^chain loop: BIOS asks for an address again after undionly\.kpxe was fetched, 2 times/,
  );
  machine.loader();
  t.is(rack.rack.machine(KNOWN)?.state, 'stuck', 'the same once more');
  machine.dhcp(machine.IPXE);
  t.is(rack.rack.machine(KNOWN)?.state, 'booting');
});

test('a loader that never gets through is told at the third attempt, however fast firmware gives up', (t) => {
  const rack = testRack();
  const machine = bootingMachine(rack);
  for (let n = 0; n < 3; n += 1) {
    machine.dhcp(machine.BIOS);
    machine.started();
    machine.fails(512);
  }
  t.regex(
    rack.rack.machine(KNOWN)?.stuck?.cause ?? '',
    /^undionly\.kpxe broke off once after 512 B of 68 kB/,
  );
});

test('a machine that waits for approval is never stuck; approved, it is looked at again', async (t) => {
  const rack = testRack();
  const machine = bootingMachine(rack, UNKNOWN);
  machine.dhcp(machine.BIOS);
  machine.wait(600);
  t.is(rack.rack.machine(UNKNOWN)?.state, 'discovered');
  await rack.rack.change(UNKNOWN, { action: 'approve' }, 'local');
  machine.wait(4);
  t.is(rack.rack.machine(UNKNOWN)?.state, 'stuck');
});

test('a boot from the disk is over with its script', (t) => {
  const rack = testRack();
  const machine = bootingMachine(rack, DISK);
  machine.dhcp(machine.IPXE);
  machine.script('local-disk');
  machine.wait(600);
  t.is(rack.rack.machine(machine.mac)?.state, 'running');
});

test('what was stuck before a restart still is, and what was not is looked at again', (t) => {
  const before = testRack();
  const machine = bootingMachine(before);
  toScript(machine);
  before.save();
  const moving = [...before.store.savedMachines.values()];
  machine.wait(30);
  before.save();
  const stuck = [...before.store.savedMachines.values()];

  const after = testRack({ machines: stuck });
  t.regex(after.rack.machine(KNOWN)?.stuck?.cause ?? '', /^the machine asks for no kernel/);
  const again = testRack({ machines: moving });
  bootingMachine(again).wait(60);
  t.is(again.rack.machine(KNOWN)?.state, 'stuck');
});
