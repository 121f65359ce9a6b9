import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { eventually } from '../support/cluster.ts';
import { curl, documentUrl, lease } from '../support/machine.ts';
import { rackFor } from '../support/netns.ts';
import { run, runChecked, startFor } from '../support/process.ts';
import { PROGRAM } from '../support/program.ts';
import { serviceFor } from '../support/service.ts';

const rackseed = (...args: string[]) => [...PROGRAM, ...args];
const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true'];

test('render prints the script and the document that a machine then really gets', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const service = await serviceFor(t, server, {
    machines: [{ mac: macs[0], hostname: 'worker-01', labels: { rack: 'a1' } }],
    profile: {
      boot: { image: 'lab', args: ['name={{ machine.hostname }}', 'address={{ machine.address }}'] },
      cloud_config: {
        hostname: '{{ machine.hostname }}',
        write_files: [{ path: '/etc/rack', content: '{{ machine.labels.rack }}\n' }],
      },
    },
  });
  const [client] = clients;
  if (!client) return t.fail();
  await lease(service, client, macs[0] ?? '');
  const printed = await runChecked(
    rackseed('render', macs[0] ?? '', '--config', join(service.directory, 'config')),
  );
  const { body: script } = await curl(client, `http://192.168.0.254/ipxe?mac=${macs[0]}`);
  const { body: document } = await curl(client, await documentUrl(client, macs[0] ?? ''));
  t.true(printed.includes(script.replace(/\?token=[\w-]+/, '')), 'but for the token of this boot');
  t.true(printed.includes(document));
  t.regex(
    script,
    /^kernel .* name=worker-01 address=192\.168\.0\.\d+ cloud-config-url=http:\/\/192\.168\.0\.254\/cloud-config\//m,
  );
  t.regex(document, /^#cloud-config\nhostname: worker-01\n/);
});

test('machines and leases are listed by a service that runs, and missed in words when it does not', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const service = await serviceFor(t, server);
  const config = ['--config', join(service.directory, 'config')];
  t.is(await runChecked(rackseed('leases', ...config)), 'no address has been leased yet\n');
  await run(clients[0]?.command(udhcpc) ?? [], { timeout: 20_000 });
  t.regex(
    await runChecked(rackseed('machines', ...config)),
    new RegExp(`node-525400000001 +${macs[0]} +approved +- +worker +192\\.168\\.0\\.\\d+ `),
  );
  t.regex(
    await runChecked(rackseed('leases', ...config)),
    new RegExp(`192\\.168\\.0\\.\\d+ +${macs[0]} +kubernetes1 +until 20`),
  );
  await service.child.stop();
  const { code, stderr } = await run(rackseed('leases', ...config));
  t.is(code, 1);
  t.regex(
    stderr,
    /^rackseed: can't ask the service at .*admin\.sock .*: is it running\? Start it with "rackseed serve"\n$/,
  );
});

test('a changed configuration is used at once, and a broken one is refused while the last good one serves', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const service = await serviceFor(t, server, { top: { unknown_machines: 'hold' } });
  const script = () =>
    runChecked(clients[0]?.command(['curl', '-sS', `http://192.168.0.254/ipxe?mac=${macs[0]}`]) ?? []);
  await clients[0]?.ip('address add 192.168.0.77/24 dev eth0');
  t.regex(await script(), /is waiting for approval/);

  const machines = join(service.directory, 'config/machines/machines.yaml');
  await writeFile(machines, `machines:\n  - { mac: "${macs[0]}", hostname: worker-07 }\n`);
  await service.child.waitFor(/the configuration changed and is in use/);
  // The file is empty for a moment while it is written, and on a busy machine that is read too.
  await t.notThrowsAsync(eventually(async () => /worker-07 .* boots lab/.test(await script())));

  await writeFile(machines, `machines:\n  - { mac: "${macs[0]}", hostnam: worker-08 }\n`);
  const [complaint] = await service.child.waitFor(/machines\.yaml:2: [^"]*/);
  t.regex(complaint, /machines\[0\]\.hostnam/);
  await service.child.waitFor(/the last good one stays in force/);
  t.regex(await script(), /worker-07 .* boots lab/);
});

test('a machine that is ignored gets no answer to DHCP, and 404 for its script', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  await serviceFor(t, server, { top: { unknown_machines: 'ignore' } });
  const { stderr } = await run(clients[0]?.command([...udhcpc, '-t', '2', '-T', '1']) ?? [], {
    timeout: 20_000,
  });
  t.notRegex(stderr, /lease of/);
  const url = `http://192.168.0.254/ipxe?mac=${macs[0]}`;
  t.is(await runChecked(server.command(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', url])), '404');
});

test('machines nobody named are numbered as they boot, told their names by DHCP, and keep them over a restart', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const service = await serviceFor(t, server, {
    machines: [{ mac: '52:54:00:ff:ff:01', hostname: 'worker-01' }],
  });
  const hook = join(service.directory, 'hook');
  await writeFile(hook, '#!/bin/sh\n[ "$1" = bound ] && echo "name=$hostname"\nexit 0\n', { mode: 0o755 });
  const boot = (client: number) =>
    run(clients[client]?.command([...udhcpc.slice(0, -1), hook, '-V', 'PXEClient']) ?? [], {
      timeout: 20_000,
    });
  const names = async () => {
    const { machines } = await service.get<{ machines: { mac: string; hostname: string; index: number }[] }>(
      '/v1/machines',
    );
    return machines.map(({ mac, hostname, index }) => [mac, hostname, index]);
  };
  t.regex((await boot(0)).stdout, /^name=worker-02$/m);
  t.deepEqual(await names(), [[macs[0], 'worker-02', 2]]);
  await service.child.stop();
  await service.restart();
  t.deepEqual(await names(), [[macs[0], 'worker-02', 2]]);
  t.regex((await boot(0)).stdout, /^name=worker-02$/m);
});

test('a machine’s script can be had by TFTP under its hardware address', async (t) => {
  const { server, macs } = await rackFor(t);
  await serviceFor(t, server);
  const name = `${macs[0]?.replaceAll(':', '-')}.ipxe`;
  const script = await runChecked(
    server.command(['curl', '-sS', `http://192.168.0.254/ipxe?mac=${macs[0]}`]),
  );
  t.regex(script, /^#!ipxe\n/);
  t.is(script, await runChecked(server.command(['curl', '-sS', `tftp://192.168.0.254/${name}`])));
});

test('sockets that systemd opened are used, so that the service needs no privilege for its ports', async (t) => {
  const { server, clients } = await rackFor(t);
  // Writes the configuration; the service itself is started again below.
  const service = await serviceFor(t, server);
  await service.child.stop();
  await writeFile(join(service.directory, 'firmware/hello'), 'hello');
  const listen = ['0.0.0.0:67', '192.168.0.254:67', '192.168.0.254:69'].flatMap((address) => ['-l', address]);
  const serve = rackseed('serve', '--config', join(service.directory, 'config'));
  const activated = await startFor(
    t,
    server.command([
      'systemd-socket-activate',
      '--datagram',
      ...listen,
      ...['PATH', 'HOME'].map((name) => `--setenv=${name}`),
      ...serve,
    ]),
  );
  await activated.waitFor(/Listening on 192\.168\.0\.254:69/);
  // The first request starts the service, which then answers it.
  const { stderr } = await run(clients[0]?.command([...udhcpc, '-t', '20', '-T', '1']) ?? [], {
    timeout: 40_000,
  });
  t.regex(stderr, /lease of \S+ obtained/);
  t.is(await runChecked(server.command(['curl', '-sS', 'tftp://192.168.0.254/hello'])), 'hello');
  const descriptors = await readFile(`/proc/${activated.pid}/net/udp`, 'utf8');
  t.is(descriptors.match(/:0043 /g)?.length, 2, 'no further socket on port 67 was opened');
});

test('how many downloads wait for their turn is in a metric', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const service = await serviceFor(t, server, {
    top: { assets: { memory: '1MiB', directory: '../assets' } },
  });
  const [client] = clients;
  if (!client) return t.fail();
  await lease(service, client, macs[0] ?? '');
  const image = join(service.directory, 'assets/image');
  await writeFile(image, '');
  await truncate(image, 64 << 20);
  const waiting = () => service.metric('rackseed_http_waiting');
  t.is(await waiting(), 0);
  const fetches = Array.from({ length: 10 }, () => ['-o', '/dev/null', 'http://192.168.0.254/assets/image']);
  const slow = ['curl', '-s', '--parallel', '--parallel-immediate', '--limit-rate', '64k', ...fetches.flat()];
  const curls = await startFor(t, client.command(slow));
  await eventually(async () => (await waiting()) === 2);
  await curls.stop();
  await eventually(async () => (await waiting()) === 0);
  t.pass();
});

test('what the start took of memory is given back when the service has nothing to do', async (t) => {
  t.timeout(120_000);
  const { server } = await rackFor(t);
  const service = await serviceFor(t, server);
  const isGivenBack = async () => {
    const status = await readFile(`/proc/${service.child.pid}/status`, 'utf8');
    const [, most] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
    const [, now] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
    return Number(most) - Number(now) > 16 * 1024;
  };
  await t.notThrowsAsync(eventually(isGivenBack, 100_000));
  t.is((await service.get<{ machines: unknown[] }>('/v1/machines')).machines.length, 0);
});
