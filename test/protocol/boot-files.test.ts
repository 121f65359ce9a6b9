import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { curl, lease } from '../support/machine.ts';
import { type Namespace, rackFor } from '../support/netns.ts';
import { run, runChecked } from '../support/process.ts';
import { type ServiceSettings, serviceFor, type TestService } from '../support/service.ts';

/** A machine with an address, and a service with an image and loaders. */
async function machineFor(t: ExecutionContext, settings: ServiceSettings = {}) {
  const { server, clients, macs } = await rackFor(t);
  const [client] = clients;
  const [mac] = macs;
  if (!client || mac === undefined) throw new Error('the rack is empty');
  const service = await serviceFor(t, server, {
    profile: { boot: { image: 'lab', args: ['console=ttyS0'] }, cloud_config: { hostname: 'x' } },
    ...settings,
  });
  await writeFile(join(service.directory, 'assets/lab/vmlinuz'), 'kernel');
  await writeFile(join(service.directory, 'assets/lab/secret'), 'secret');
  return { server, client, mac, hyphens: mac.replaceAll(':', '-'), service };
}

const tftp = (from: Namespace, file: string) =>
  run(from.command(['curl', '-sS', '-m', '20', `tftp://192.168.0.254/${file}`]));

async function entries(service: TestService, mac: string): Promise<string[]> {
  const { boots } = await service.get<{
    boots: { entries: { kind: string; detail: string }[] }[];
  }>(`/v1/machines/${mac}/boots`);
  return (boots[0]?.entries ?? []).map(({ kind, detail }) => `${kind}: ${detail}`);
}

test('iPXE 2.x finds its autoexec.ipxe beside its loader and at the root, by TFTP and HTTP, if we know who it is', async (t) => {
  const { server, client, mac, service } = await machineFor(t);
  t.not((await tftp(server, 'autoexec.ipxe')).code, 0, 'nobody knows this address');
  await lease(service, client, mac);
  const { stdout: script } = await tftp(client, 'autoexec.ipxe');
  t.regex(script, new RegExp(`^#!ipxe\\n[^]*mac} ${mac} [^]*http://192.168.0.254/boot.ipxe`));
  t.is((await tftp(client, 'x86_64-sb/autoexec.ipxe')).stdout, script);
  for (const path of ['autoexec.ipxe', 'firmware/autoexec.ipxe', 'firmware/x86_64-sb/autoexec.ipxe']) {
    t.deepEqual(await curl(client, `http://192.168.0.254/${path}`), { status: 200, body: script }, path);
    const { status, body } = await curl(server, `http://192.168.0.254/${path}`);
    t.is(status, 404);
    t.regex(body, /for 192\.168\.0\.254: no machine is known by it/);
  }
  await writeFile(join(service.directory, 'firmware/autoexec.ipxe'), 'mine');
  t.is((await tftp(client, 'autoexec.ipxe')).stdout, 'mine', 'what lies in the firmware folder goes first');
  t.is((await curl(client, 'http://192.168.0.254/firmware/autoexec.ipxe')).body, 'mine');
});

test('U-Boot is answered at its first question, and gets its kernel by TFTP: its own, and nobody else’s', async (t) => {
  const { server, client, mac, hyphens, service } = await machineFor(t);
  const address = await lease(service, client, mac);
  const hex = address
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
  const names = [
    '4c4c4544-0038-5a10-8051-cac04f4c4d31',
    `01-${hyphens}`,
    hex,
    hex.slice(0, 3),
    'default-arm-bcm283x',
    'default',
  ];
  for (const name of names) {
    const { stdout } = await tftp(client, `pxelinux.cfg/${name}`);
    t.regex(stdout, /^ {2}KERNEL \/assets\/lab\/vmlinuz$/m, name);
    t.regex(stdout, /^ {2}APPEND console=ttyS0 cloud-config-url=\S+\?token=\S+$/m, name);
  }
  const [, url = ''] = /cloud-config-url=(\S+)/.exec((await tftp(client, 'extlinux.conf')).stdout) ?? [];
  t.is((await curl(client, url)).status, 200, 'its token opens its document');
  t.notRegex((await tftp(server, `pxelinux.cfg/01-${hyphens}`)).stdout, /token/, 'which nobody else gets');

  // tftp-hpa, as RFC 1350 has it.
  const folder = join(service.directory, 'got');
  await mkdir(folder);
  const get = `cd ${folder} && tftp 192.168.0.254 -m binary -c get /assets/lab/vmlinuz`;
  t.is(await runChecked(client.command(['sh', '-c', `${get} && cat vmlinuz`])), 'kernel');
  t.not((await tftp(client, 'assets/lab/secret')).code, 0);
  t.not((await tftp(server, 'assets/lab/vmlinuz')).code, 0);
  const story = await entries(service, mac);
  t.true(story.includes('script: pxelinux.cfg → script: boots profile worker'), story.join('\n'));
  t.true(
    story.some((entry) => entry.startsWith('kernel: kernel vmlinuz (6 B')),
    story.join('\n'),
  );
});

const LOADER_CLIENTS: Readonly<Record<string, string>> = {
  'curl by HTTP': 'curl -sSf -o out http://192.168.0.254/firmware/undionly.kpxe',
  'curl by TFTP': 'curl -sS -o out tftp://192.168.0.254/undionly.kpxe',
  atftp: 'atftp --get -r undionly.kpxe -l out 192.168.0.254',
  'tftp-hpa': 'tftp -m binary 192.168.0.254 -c get undionly.kpxe out',
  'busybox tftp': 'busybox tftp -g -r undionly.kpxe -l out 192.168.0.254',
  'busybox wget': 'busybox wget -q -O out http://192.168.0.254/firmware/undionly.kpxe',
};

test('a machine without an address of ours gets the same loader by whatever client it has', async (t) => {
  const { client, service } = await machineFor(t);
  await client.ip('address add 192.168.0.250/24 dev eth0');
  const loader = randomBytes(100_000);
  await writeFile(join(service.directory, 'firmware/undionly.kpxe'), loader);
  for (const [name, command] of Object.entries(LOADER_CLIENTS)) {
    const folder = await mkdtemp(join(service.directory, 'got-'));
    await runChecked(client.command(['sh', '-c', `cd ${folder} && ${command}`]), { timeout: 30_000 });
    t.true(loader.equals(await readFile(join(folder, 'out'))), name);
  }
});

test('GRUB gets its configuration by TFTP or HTTP; one that may not boot yet asks until it may', async (t) => {
  const { client, mac, hyphens, service } = await machineFor(t, { top: { unknown_machines: 'hold' } });
  await lease(service, client, mac);
  const held = await tftp(client, `grub/grub.cfg-01-${hyphens}`);
  t.regex(held.stdout, new RegExp(`is waiting for approval: rackseed approve ${mac}`));
  t.regex(held.stdout, new RegExp(`source '\\(tftp,192\\.168\\.0\\.254\\)''/grub\\.cfg-01-${hyphens}'`));
  await runChecked(
    client.command(['curl', '-sS', '-o', '/dev/null', `http://192.168.0.254/grub.cfg-01-${hyphens}`]),
  );
  t.true((await entries(service, mac)).includes('script: GRUB waits for approval'));
  await writeFile(
    join(service.directory, 'config/machines/machines.yaml'),
    `machines:\n  - { mac: "${mac}", hostname: worker-01 }\n`,
  );
  await service.child.waitFor(/the configuration changed and is in use/);
  for (const path of [`grub.cfg-01-${hyphens}`, 'grub/grub.cfg', 'firmware/debian/grub/grub.cfg']) {
    const { status, body } = await curl(client, `http://192.168.0.254/${path}`);
    t.is(status, 200, path);
    t.regex(body, /linux "\$files"'\/assets\/lab\/vmlinuz' 'console=ttyS0' 'cloud-config-url=/);
  }
  t.is((await curl(client, 'http://192.168.0.254/grub/x86_64-efi/command.lst')).status, 404);
});

test('UEFI that is back twice after a loader is offered the next one, also after a restart of the service', async (t) => {
  const { client, mac, service } = await machineFor(t);
  await mkdir(join(service.directory, 'firmware/x86_64'));
  await writeFile(join(service.directory, 'firmware/snponly.efi'), 'snponly');
  await writeFile(join(service.directory, 'firmware/x86_64/ipxe.efi'), 'ipxe');
  await service.child.stop();
  await service.restart();
  const hook = join(service.directory, 'hook');
  await writeFile(
    hook,
    '#!/bin/sh\n[ "$1" = bound ] && echo "file=$boot_file" && ip address replace $ip/24 dev eth0\nexit 0\n',
    { mode: 0o755 },
  );
  const powerOn = async () => {
    const { stdout } = await run(
      client.command(
        ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', hook].concat([
          '-V',
          'PXEClient:Arch:00007:UNDI:003016',
          '-x',
          '0x5d:0007',
        ]),
      ),
      { timeout: 20_000 },
    );
    return /^file=(.*)$/m.exec(stdout)?.[1];
  };
  t.is(await powerOn(), 'snponly.efi');
  t.is((await tftp(client, 'snponly.efi')).stdout, 'snponly');
  t.is(await powerOn(), 'snponly.efi');
  t.is((await tftp(client, 'snponly.efi')).stdout, 'snponly');
  t.is(await powerOn(), 'x86_64/ipxe.efi');
  t.true(
    (await entries(service, mac)).includes(
      'fallback: UEFI x64 was back twice after snponly.efi: it is offered x86_64/ipxe.efi now',
    ),
  );
  t.is((await tftp(client, 'x86_64/ipxe.efi')).stdout, 'ipxe');
  await service.child.stop();
  await service.restart();
  t.is(await powerOn(), 'x86_64/ipxe.efi');
});
