import test from 'ava';
import type { DhcpClient } from '../../src/dhcp/client.ts';
import type { DhcpEvent } from '../../src/dhcp/events.ts';
import { identify } from '../../src/machines/identity.ts';
import { MachineRegistry } from '../../src/machines/registry.ts';
import { BootTracker } from '../../src/machines/tracker.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { ip } from '../support/dhcp.ts';
import { KNOWN, testConfig } from '../support/provisioning.ts';

const ADDRESS = ip('192.168.0.7');
const CLIENT = { address: formatIpv4(ADDRESS), port: 2070 };
const BIOS: DhcpClient = { mac: KNOWN, architectures: [0], vendorClass: 'PXEClient' };
const IPXE: DhcpClient = { mac: KNOWN, architectures: [0], userClass: 'iPXE' };
const LINUX: DhcpClient = { mac: KNOWN, architectures: [] };

function tracker() {
  const lines: string[] = [];
  const registry = new MachineRegistry({
    machines: [],
    isKept: () => true,
    capacity: 10,
    onForgotten: () => {},
  });
  const boot = new BootTracker('net', {
    registry,
    identify: (mac) => identify(testConfig(), mac),
    isLoader: (file) => file === 'undionly.kpxe',
    onStage: ({ hostname, mac, detail }) => lines.push(`${hostname} ${mac} ${detail}`),
  });
  let now = 0;
  const tick = () => {
    now += 1;
    return now;
  };
  const answered = (client: DhcpClient, reply: 'OFFER' | 'ACK'): DhcpEvent => ({
    type: 'answered',
    client,
    request: reply === 'OFFER' ? 'DISCOVER' : 'SELECTING',
    reply,
    address: ADDRESS,
    milliseconds: 1,
  });
  const dhcp = (client: DhcpClient) => {
    boot.dhcp(answered(client, 'OFFER'), tick());
    boot.dhcp(answered(client, 'ACK'), tick());
  };
  const loader = () =>
    boot.tftp(
      {
        type: 'done',
        client: CLIENT,
        file: 'undionly.kpxe',
        bytes: 68_000,
        milliseconds: 100,
        retransmissions: 0,
      },
      tick(),
    );
  const asset = (path: string, complete = true) =>
    boot.http(
      {
        type: 'asset',
        address: CLIENT.address,
        path,
        bytes: 8_100_000,
        size: 8_100_000,
        complete,
        milliseconds: 400,
        source: 'memory',
      },
      tick(),
    );
  const stages = () => registry.get(KNOWN)?.boot.map(({ stage }) => stage);
  return { boot, dhcp, loader, asset, lines, stages, registry };
}

test('a boot is told line by line, from power-on to up', (t) => {
  const { boot, dhcp, loader, asset, lines } = tracker();
  dhcp(BIOS);
  loader();
  dhcp(IPXE);
  boot.http({ type: 'script', mac: KNOWN, address: CLIENT.address, answer: 'boot' }, 10);
  asset('/assets/flatcar/1/vmlinuz');
  asset('/assets/flatcar/1/initrd.gz');
  dhcp(LINUX);
  boot.http(
    { type: 'document', mac: KNOWN, address: CLIENT.address, format: 'cloud-config', bytes: 1234 },
    20,
  );
  boot.http(
    { type: 'phone-home', mac: KNOWN, address: CLIENT.address, stage: 'disk', detail: '/dev/vda formatted' },
    21,
  );
  boot.http({ type: 'phone-home', mac: KNOWN, address: CLIENT.address, stage: 'up', detail: '' }, 22);
  t.deepEqual(
    lines.map((line) => line.replace(`worker-01 ${KNOWN} `, '')),
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
    ],
  );
});

test('firmware that asks again begins a new boot', (t) => {
  const { dhcp, loader, stages } = tracker();
  dhcp(BIOS);
  loader();
  dhcp(BIOS);
  t.deepEqual(stages(), ['discover', 'offer', 'ack']);
});

test('an iPXE that was just loaded goes on with the boot; one in a card’s ROM begins it', (t) => {
  const { boot, dhcp, loader, stages } = tracker();
  dhcp(IPXE);
  t.deepEqual(stages(), ['discover', 'offer', 'ack']);
  boot.http({ type: 'script', mac: KNOWN, address: CLIENT.address, answer: 'boot' }, 10);
  dhcp(IPXE);
  t.deepEqual(stages(), ['discover', 'offer', 'ack']);
  dhcp(BIOS);
  loader();
  dhcp(IPXE);
  t.deepEqual(stages(), ['discover', 'offer', 'ack', 'loader', 'discover', 'offer', 'ack']);
});

test('the operating system’s own DHCP is not a stage', (t) => {
  const { dhcp, stages, registry } = tracker();
  dhcp(LINUX);
  t.deepEqual(stages(), []);
  t.is(registry.get(KNOWN)?.address, ADDRESS);
});

test('a loader fetched by UEFI HTTP Boot is told like one fetched by TFTP', (t) => {
  const { dhcp, asset, lines } = tracker();
  dhcp({ mac: KNOWN, architectures: [16], vendorClass: 'HTTPClient:Arch:00016' });
  asset('/firmware/snponly.efi');
  t.is(lines.at(-1), `worker-01 ${KNOWN} UEFI HTTP x64 → iPXE by HTTP (snponly.efi 8.1 MB, 0.4 s)`);
});

test('a download that broke off, or of something else, is no stage', (t) => {
  const { dhcp, asset, stages } = tracker();
  dhcp(IPXE);
  asset('/assets/flatcar/1/vmlinuz', false);
  asset('/assets/other/vmlinuz');
  t.deepEqual(stages(), ['discover', 'offer', 'ack']);
});

test('cloud-init’s four files are one stage', (t) => {
  const { boot, dhcp, lines } = tracker();
  dhcp(IPXE);
  const document = { type: 'document', mac: KNOWN, address: CLIENT.address, format: 'cloud-init' } as const;
  for (const file of ['meta-data', 'user-data', 'vendor-data', 'network-config'] as const) {
    boot.http({ ...document, file, bytes: 2_000 }, 10);
  }
  t.deepEqual(lines.slice(3), [`worker-01 ${KNOWN} cloud-init 2.0 kB`]);
});
