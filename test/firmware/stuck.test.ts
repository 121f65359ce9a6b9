import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import ava from 'ava';
import { LAB_NETWORK } from '../../src/lab/configuration.ts';
import { isUp } from '../../src/lab/progress.ts';
import type { Mac } from '../../src/net/mac.ts';
import { BOOT_TIMEOUT, labFor } from '../support/lab.ts';
import { connect, namespaceFor } from '../support/netns.ts';
import { startFor } from '../support/process.ts';
import { told } from '../support/told.ts';

// One machine at a time.
const test = ava.serial;
const MAC = '52:54:00:00:00:01' as Mac;

test('a kernel that is missing is named within 30 s of the script; put back, the machine boots on', async (t) => {
  const { lab, api } = await labFor(t, { firmware: 'bios', count: 1 });
  const kernel = join(lab.directory, 'assets/lab/current/vmlinuz');
  await rename(kernel, `${kernel}.away`);
  await lab.powerOn();

  const script = await told(api, ({ kind }) => kind === 'script', BOOT_TIMEOUT);
  const stuck = await told(api, ({ state }) => state === 'stuck', 60_000);
  const waited = Date.parse(stuck.at) - Date.parse(script.at);
  t.true(waited <= 30_000, `${waited} ms`);
  const machine = await api.machine(MAC);
  t.is(machine.stuck?.stage, 'script');
  t.regex(machine.stuck?.cause ?? '', /^no kernel: .*lab\/current\/vmlinuz.*; put the file there/);
  t.is(machine.stuck?.cause, stuck.detail);

  await rename(`${kernel}.away`, kernel);
  await told(api, ({ id, type, before }) => id > stuck.id && type === 'state' && before === 'stuck', 120_000);
  await lab.whenUp({ timeout: BOOT_TIMEOUT, isDone: isUp });
  t.is((await api.machine(MAC)).stuck, undefined);
  const stages = (await api.boots(MAC)).flatMap(({ entries }) => entries.map(({ kind }) => kind));
  t.is(stages.filter((kind) => kind === 'stuck').length, 1, 'the story tells it once');
});

test('a machine that another DHCP server has won is stuck, and the cause names that server', async (t) => {
  const { lab, api } = await labFor(t, { firmware: 'bios', count: 1 });
  const foreign = await namespaceFor(t);
  await connect(
    { namespace: lab.namespace, interface: 'foreign' },
    { namespace: foreign, interface: 'eth0', mac: '52:54:00:ff:00:fd' },
  );
  await lab.namespace.ip(`link set foreign master ${LAB_NETWORK.interface}`);
  await foreign.ip('address add 192.168.0.253/24 dev eth0');
  const dnsmasq = await startFor(
    t,
    foreign.command([
      'dnsmasq',
      '--conf-file=/dev/null',
      '--no-daemon',
      '--user=root',
      '--port=0',
      '--interface=eth0',
      '--dhcp-authoritative',
      '--no-ping',
      '--dhcp-range=192.168.0.150,192.168.0.199,1h',
      `--dhcp-leasefile=${join(lab.directory, 'foreign.leases')}`,
    ]),
  );
  await dnsmasq.waitFor(/DHCP, IP range/);

  // Who answers first is chance otherwise: our server sleeps until the other one has won, then sees what was said.
  lab.service.kill('SIGSTOP');
  await lab.powerOn();
  await dnsmasq.waitFor(/DHCPACK.*52:54:00:00:00:01/, BOOT_TIMEOUT);
  lab.service.kill('SIGCONT');

  const stuck = await told(api, ({ state }) => state === 'stuck', 60_000);
  t.regex(stuck.detail, /^another DHCP server \(192\.168\.0\.253\) won/);
  const [boot] = await api.boots(MAC);
  const told253 = boot?.entries.filter(({ detail }) => detail.includes('192.168.0.253'));
  t.deepEqual(
    told253?.map(({ kind }) => kind),
    ['refusal', 'stuck'],
  );
});

test('a link with an MTU of 576 stops a UEFI machine at its loader, and the cause says blksize and MTU', async (t) => {
  const { lab, api } = await labFor(t, { firmware: 'uefi', count: 1 });
  // The bridge takes over the smallest MTU of its ports, and fragments; with one of its own, larger packets get lost.
  await lab.namespace.ip('link set vm1 mtu 576', `link set ${LAB_NETWORK.interface} mtu 1500`);
  await lab.powerOn();

  const stuck = await told(api, ({ state }) => state === 'stuck', BOOT_TIMEOUT);
  t.regex(stuck.detail, /snponly\.efi .*tftp\.blksize.*MTU/);
  const boots = await api.boots(MAC);
  const kinds = boots.flatMap(({ entries }) => entries.map(({ kind }) => kind));
  t.true(kinds.includes('ack'));
  t.false(kinds.includes('loader'));
});
