import test from 'ava';
import { KNOWN, UNKNOWN } from '../support/provisioning.ts';
import { bootingMachine, testRack } from '../support/rack.ts';

function booting(settings = {}) {
  const rack = testRack(settings);
  return { rack, machine: bootingMachine(rack) };
}

test('a boot is told line by line, from power-on to up', (t) => {
  const { rack, machine } = booting();
  machine.dhcp(machine.BIOS);
  machine.loader();
  machine.dhcp(machine.IPXE);
  machine.script();
  machine.kernel();
  machine.initrd();
  machine.dhcp(machine.LINUX);
  machine.document();
  machine.says('disk', '/dev/vda formatted');
  machine.says('up');
  rack.tracker.node(KNOWN, 'registered', machine.tick());
  rack.tracker.node(KNOWN, 'ready', machine.tick());
  t.deepEqual(
    rack.lines.map((line) => line.replace(`worker-01 ${KNOWN} `, '')),
    [
      'BIOS asks for an address',
      'BIOS is offered 192.168.0.7',
      'BIOS has 192.168.0.7',
      'BIOS → iPXE by TFTP (undionly.kpxe 68 kB, 0.1 s)',
      'iPXE asks for an address',
      'iPXE is offered 192.168.0.7',
      'iPXE has 192.168.0.7',
      'iPXE → script: boots profile worker',
      'kernel vmlinuz (8.1 MB, 0.4 s)',
      'initrd initrd.gz (8.1 MB, 0.4 s)',
      'cloud-config 1.2 kB',
      'reports disk: /dev/vda formatted',
      'is up',
      'has registered after 14 s',
      'is Ready after 15 s',
    ],
  );
  t.like(rack.registry.get(KNOWN), {
    firmware: 'BIOS',
    loader: 'undionly.kpxe',
    boot: { number: 1, profile: 'worker' },
  });
});

test('firmware that asks again begins a new boot; the one before is kept', (t) => {
  const { rack, machine } = booting();
  machine.dhcp(machine.BIOS);
  machine.loader();
  machine.dhcp(machine.BIOS);
  t.deepEqual(rack.stages(), ['discover', 'offer', 'ack']);
  t.deepEqual(
    rack.rack.boots(KNOWN).map(({ number, entries }) => [number, entries.length]),
    [
      [2, 3],
      [1, 4],
    ],
  );
});

test('an iPXE that was just loaded goes on with the boot; one in a card’s ROM begins it', (t) => {
  const { rack, machine } = booting();
  machine.dhcp(machine.IPXE);
  t.deepEqual(rack.stages(), ['discover', 'offer', 'ack']);
  machine.script();
  machine.dhcp(machine.IPXE);
  t.deepEqual(rack.stages(), ['discover', 'offer', 'ack']);
  machine.dhcp(machine.BIOS);
  machine.loader();
  machine.dhcp(machine.IPXE);
  t.deepEqual(rack.stages(), ['discover', 'offer', 'ack', 'loader', 'discover', 'offer', 'ack']);
});

test('a DISCOVER that is repeated is told once, and begins a boot only after two minutes of silence', (t) => {
  const { rack, machine } = booting();
  for (let n = 0; n < 5; n += 1) machine.discover(machine.BIOS);
  t.deepEqual(rack.entries(), [
    'discover: BIOS asks for an address',
    'offer: BIOS is offered 192.168.0.7',
    'retry: BIOS asks for an address again',
  ]);
  rack.settings.now += 200_000;
  machine.discover(machine.BIOS);
  t.is(rack.registry.get(KNOWN)?.boot?.number, 2);
});

test('the operating system’s own DHCP is not a stage', (t) => {
  const { rack, machine } = booting();
  machine.dhcp(machine.LINUX);
  t.deepEqual(rack.stages(), []);
  t.is(rack.rack.machine(KNOWN)?.address, rack.registry.get(KNOWN)?.address);
  t.is(rack.rack.machine(KNOWN)?.state, 'approved');
});

test('a loader fetched by UEFI HTTP Boot is told like one fetched by TFTP', (t) => {
  const { rack, machine } = booting();
  machine.dhcp({ mac: KNOWN, architectures: [16], vendorClass: 'HTTPClient:Arch:00016' });
  machine.asset('/firmware/snponly.efi');
  t.is(rack.entries().at(-1), 'loader: UEFI HTTP x64 → iPXE by HTTP (snponly.efi 8.1 MB, 0.4 s)');
});

test('what goes wrong is told as well: NAK, refusals, retries, aborts', (t) => {
  const { rack, machine } = booting();
  const { tracker } = rack;
  machine.dhcp(machine.BIOS);
  machine.started();
  machine.fails(17_000);
  machine.started();
  machine.loader();
  machine.loader();
  const nak = { request: 'INIT-REBOOT', reply: 'NAK', address: 0, milliseconds: 1 } as const;
  tracker.dhcp(
    { type: 'answered', client: machine.LINUX, ...nak, address: 0 as never, detail: '10.0.0.5 is not ours' },
    machine.tick(),
  );
  tracker.tftp(
    {
      type: 'refused',
      client: machine.client,
      file: 'autoexec.ipxe',
      reason: 'not-found',
      detail: 'no such file',
    },
    machine.tick(),
  );
  machine.script();
  machine.script();
  machine.refused('/assets/*', 404, 'there is no file "/assets/flatcar/1/vmlinuz" on the server');
  machine.asset('/assets/flatcar/1/vmlinuz', { complete: false, bytes: 1_000_000 });
  t.deepEqual(rack.entries().slice(3), [
    'abort: TFTP of undionly.kpxe broke off after 17 kB of 68 kB (25 %): the client stopped answering',
    'retry: asks for undionly.kpxe by TFTP again',
    'loader: BIOS → iPXE by TFTP (undionly.kpxe 68 kB, 0.1 s)',
    'retry: BIOS → iPXE by TFTP (undionly.kpxe 68 kB, 0.1 s), again',
    'nak: the operating system is refused the address it wants: 10.0.0.5 is not ours',
    'refusal: TFTP refused autoexec.ipxe: no such file',
    'script: iPXE → script: boots profile worker',
    'retry: iPXE asks for its script again',
    'refusal: HTTP 404 to 192.168.0.7: there is no file "/assets/flatcar/1/vmlinuz" on the server',
    'abort: kernel vmlinuz broke off after 1.0 MB of 8.1 MB (12 %)',
  ]);
});

test('the progress of kernel and initrd is shown while they run, and is no entry', (t) => {
  const { rack, machine } = booting();
  machine.dhcp(machine.IPXE);
  machine.script();
  const progress = (path: string, bytes: number) =>
    rack.tracker.http(
      { type: 'asset-progress', address: machine.client.address, path, bytes, size: 8_100_000 },
      machine.tick(),
    );
  progress('/assets/flatcar/1/vmlinuz', 4_000_000);
  t.deepEqual(rack.rack.machine(KNOWN)?.progress, { file: 'vmlinuz', bytes: 4_000_000, size: 8_100_000 });
  progress('/assets/kubernetes/kubelet', 1_000);
  t.is(rack.rack.machine(KNOWN)?.progress?.file, 'vmlinuz', 'only what it boots counts');
  machine.kernel();
  t.is(rack.rack.machine(KNOWN)?.progress, undefined);
  t.deepEqual(rack.stages(), ['discover', 'offer', 'ack', 'script', 'kernel']);
});

test('a machine that waits for approval polls without filling its timeline', (t) => {
  const rack = testRack();
  const machine = bootingMachine(rack, UNKNOWN);
  machine.dhcp(machine.IPXE);
  for (let n = 0; n < 20; n += 1) {
    machine.script('hold');
    if (n === 9) rack.tracker.message(UNKNOWN, 'iPXE is bored', machine.tick());
  }
  t.deepEqual(rack.entries(UNKNOWN).slice(3), ['script: iPXE waits for approval', 'message: iPXE is bored']);
  t.deepEqual(rack.states(), ['discovered']);
});

test('cloud-init’s four files are one stage', (t) => {
  const { rack, machine } = booting();
  machine.dhcp(machine.IPXE);
  const document = {
    type: 'document',
    mac: KNOWN,
    address: machine.client.address,
    format: 'cloud-init',
  } as const;
  for (const file of ['meta-data', 'user-data', 'vendor-data', 'network-config'] as const) {
    rack.tracker.http({ ...document, file, bytes: 2_000 }, machine.tick());
  }
  t.deepEqual(rack.entries().slice(3), ['document: cloud-init 2.0 kB']);
});

test('messages are told by hardware or leased address, cleaned, without tokens, and at most 100 in a boot', (t) => {
  const { rack, machine } = booting();
  machine.dhcp(machine.IPXE);
  const token = 'A'.repeat(43);
  rack.tracker.message(machine.client.address, `url\u001b[31m\n?token=${token}`, machine.tick());
  t.is(rack.entries().at(-1), 'message: url [31m ?token=…');
  for (let n = 0; n < 200; n += 1) rack.tracker.message(KNOWN, `line ${n}`, machine.tick());
  rack.tracker.message('192.168.0.99', 'from nobody', machine.tick());
  const messages = rack.entries().filter((entry) => entry.startsWith('message'));
  t.is(messages.length, 100);
  t.is(messages.at(-1), 'message: line 98 (more of this kind is left out)');
  machine.dhcp(machine.IPXE);
  machine.script();
  machine.dhcp(machine.IPXE);
  rack.tracker.message(KNOWN, 'the next boot has its own', machine.tick());
  t.is(rack.entries().at(-1), 'message: the next boot has its own');
});

test('a machine that is ignored is known all the same, with what it asked for', (t) => {
  const rack = testRack({ config: { unknownMachines: 'ignore' } });
  const machine = bootingMachine(rack, UNKNOWN);
  rack.tracker.dhcp(
    { type: 'silent', client: machine.BIOS, request: 'DISCOVER', reason: 'not-served' },
    machine.tick(),
  );
  t.like(rack.rack.machine(UNKNOWN), {
    state: 'discovered',
    admission: 'ignore',
    firmware: 'BIOS',
    stage: 'discover',
  });
});

test('the place that a relay agent tells is remembered', (t) => {
  const { rack, machine } = booting();
  machine.dhcp({ ...machine.BIOS, attachment: { circuit: 'ge-0/0/7', remote: 'rack-3' } });
  t.deepEqual(rack.rack.machine(KNOWN)?.attachment, { circuit: 'ge-0/0/7', remote: 'rack-3' });
});

test('a document refused to somebody is told on the timeline of whose it is, or as a warning when there is none', (t) => {
  const { rack, machine } = booting();
  const refusal = {
    type: 'refused',
    route: '/cloud-config/:mac',
    status: 403,
    address: '192.168.0.66',
  } as const;
  const tell = (more: object) =>
    rack.tracker.http({ ...refusal, mac: KNOWN, reason: 'wrong address', ...more }, machine.tick());
  tell({});
  t.like(rack.published.at(-1), {
    type: 'notice',
    severity: 'warning',
    detail: `${KNOWN}: HTTP 403 to 192.168.0.66: wrong address`,
  });
  machine.dhcp(machine.IPXE);
  tell({ isRepeated: true });
  tell({});
  t.deepEqual(rack.entries().slice(3), ['refusal: HTTP 403 to 192.168.0.66: wrong address']);
});
