import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Finding } from '../../src/doctor/finding.ts';
import { type Namespace, rackFor } from '../support/netns.ts';
import { type Finished, run, startFor } from '../support/process.ts';
import { PROGRAM } from '../support/program.ts';
import { serviceFor } from '../support/service.ts';

function rackseed(server: Namespace, directory: string, ...options: string[]): Promise<Finished> {
  const config = ['--config', join(directory, 'config')];
  const argv = [...PROGRAM, 'doctor', ...config, ...options];
  return run(server.command(argv), { timeout: 60_000 });
}

/** What the doctor finds, by its subject. */
async function examine(t: ExecutionContext, server: Namespace, directory: string) {
  const { code, stdout, stderr } = await rackseed(server, directory, '--json');
  const { findings } = JSON.parse(stdout || `{"findings":[]}`) as { findings: readonly Finding[] };
  t.true(findings.length > 0, stderr);
  const isFailed = findings.some(({ level }) => level === 'fail');
  t.is(code, isFailed ? 1 : 0, stdout);
  return new Map(findings.map((finding) => [finding.subject, finding]));
}

const loader = Buffer.alloc(70_000, 'loader');

async function addFiles(directory: string): Promise<void> {
  await writeFile(join(directory, 'firmware/undionly.kpxe'), loader);
  await mkdir(join(directory, 'assets/lab'), { recursive: true });
}

test('a service that works is found healthy, down to a loader fetched by TFTP and its images by HTTP', async (t) => {
  const { server } = await rackFor(t);
  const service = await serviceFor(t, server, {
    profile: { boot: { image: 'lab', kernel: 'vmlinuz', initrd: ['initrd'] } },
  });
  await addFiles(service.directory);
  for (const name of ['vmlinuz', 'initrd'])
    await writeFile(join(service.directory, 'assets/lab', name), name);
  const found = await examine(t, server, service.directory);
  const failed = [...found.values()].filter(({ level }) => level === 'fail');
  t.deepEqual(failed, []);
  t.like(found.get('interface rack0'), { level: 'ok', found: 'up with 192.168.0.254/24, MTU 1500' });
  for (const port of [
    'UDP 67 (DHCP)',
    'UDP 69 (TFTP)',
    'UDP 514 (syslog)',
    'TCP 80 (HTTP)',
    'TCP 443 (HTTPS)',
  ]) {
    t.regex(found.get(`port ${port}`)?.found ?? '', /^held by the service, /, port);
  }
  t.like(found.get('DHCP servers on rack0'), { level: 'ok', found: 'nobody else gives addresses' });
  t.like(found.get('TFTP 192.168.0.254 undionly.kpxe'), {
    level: 'ok',
    found: '70000 bytes, by a plain RFC 1350 client',
  });
  t.like(found.get('GET http://192.168.0.254/boot.ipxe'), { level: 'ok' });
  t.like(found.get('HEAD http://192.168.0.254/assets/lab/initrd'), { level: 'ok', found: '6 bytes' });
  t.like(found.get('image lab'), { level: 'ok' });
  t.like(found.get('loader for UEFI x64'), { level: 'warn' });
  t.deepEqual(
    (await service.get<{ machines: unknown[] }>('/v1/machines')).machines,
    [],
    'it leaves no trace',
  );
});

test('without the service it says what keeps it from starting, and which checks have to wait', async (t) => {
  const { server, clients } = await rackFor(t);
  const service = await serviceFor(t, server);
  await service.child.stop();
  const rogue = await startFor(
    t,
    clients[0]?.command([
      'dnsmasq',
      '--keep-in-foreground',
      '--no-daemon',
      '--port=0',
      '--no-ping',
      '--leasefile-ro',
      '--interface=eth0',
      '--dhcp-range=192.168.0.150,192.168.0.160',
    ]) ?? [],
  );
  await clients[0]?.ip('address add 192.168.0.9/24 dev eth0');
  await rogue.waitFor(/IP range 192\.168\.0\.150/);
  const hoarder = await startFor(
    t,
    server.command([
      process.execPath,
      '--eval',
      "require('node:dgram').createSocket('udp4').bind(69, '0.0.0.0', () => console.log('bound'))",
    ]),
  );
  await hoarder.waitFor(/bound/);

  const { code, stdout } = await rackseed(server, service.directory);
  t.is(code, 1, stdout);
  t.regex(stdout, /^warn {2}service: nothing is ready at .*\n {6}→ start it: /m);
  t.regex(stdout, /^ok {4}port UDP 67 \(DHCP\): free$/m);
  t.regex(stdout, /^fail {2}port UDP 69 \(TFTP\): cannot listen on .*: node \(pid \d+\) already does/m);
  t.regex(stdout, /^fail {2}DHCP servers on rack0: 192\.168\.0\.9 gives addresses as well/m);
  t.regex(stdout, /^fail {2}image lab: .* is missing for profile worker\n {6}→ put it into /m);
  t.notRegex(stdout, /^\w+ +(?:GET|HEAD|TFTP) /m);
  t.regex(stdout, /\n\d+ ok, \d+ to look at, 3 to mend\n$/);
});

for (const [what, commands, found, advice] of [
  ['switched off', ['link set rack0 down'], /it is switched off/, /ip link set rack0 up/],
  [
    'without its address',
    ['address flush dev rack0', 'address add 10.0.0.1/8 dev rack0'],
    /it lacks the address 192\.168\.0\.254\/24; it has 10\.0\.0\.1/,
    /ip address add 192\.168\.0\.254\/24 dev rack0/,
  ],
  ['missing', ['link delete rack0'], /there is no network interface "rack0"/, /name an interface/],
] as const) {
  test(`an interface that is ${what} is told with what mends it`, async (t) => {
    const { server } = await rackFor(t);
    const service = await serviceFor(t, server);
    await service.child.stop();
    await server.ip(...commands);
    const finding = (await examine(t, server, service.directory)).get('interface rack0');
    t.is(finding?.level, 'fail');
    t.regex(finding?.found ?? '', found);
    t.regex(finding?.advice ?? '', advice);
  });
}
