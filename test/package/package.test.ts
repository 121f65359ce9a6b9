import { copyFile, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dump, load } from 'js-yaml';
import { ApiClient } from '../../src/api-client/client.ts';
import { localEndpoint } from '../../src/api-client/endpoint.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { LAB_NETWORK, writeLabConfiguration } from '../../src/lab/configuration.ts';
import { labImage } from '../../src/lab/image.ts';
import { bridgeCommands, tapCommands } from '../../src/lab/namespace.ts';
import { packageRoot } from '../../src/lab/package-root.ts';
import { powerOn } from '../../src/lab/virtual-machine.ts';
import type { Mac } from '../../src/net/mac.ts';
import { eventually } from '../support/cluster.ts';
import { type DebianSystem, debianSystemFor } from '../support/debian-system.ts';
import { connect, type Namespace, namespaceFor } from '../support/netns.ts';
import { buildPackage, laterPackage } from '../support/package.ts';
import { run, runChecked } from '../support/process.ts';

/** The part of rackseed.yaml that is changed here. */
interface Rackseed {
  readonly networks: readonly object[];
}

let built: Promise<string> | undefined;
const packageFile = () => {
  built ??= buildPackage();
  return built;
};
const STATE = '/var/lib/rackseed';
/** A second network, of which one of two addresses is taken. */
const SECOND = {
  name: 'second',
  interface: 'rack1',
  address: '192.168.1.254/24',
  dhcp: { mode: 'authoritative', range: '192.168.1.1-192.168.1.2' },
} as const;
const TAKEN = '192.168.1.1';
const INTERFACES = [LAB_NETWORK.interface, SECOND.interface];
/** A registry that can't be reached from here: its mirror gives what it has, which is nothing. */
const REGISTRY = { name: 'registry.k8s.io', port: 5000 } as const;
/** The time in which iPXE goes on after its address when it needn't wait for an IPv6 router; else it takes 13 s and more. */
const AT_ONCE = 10_000;

test('lintian finds no error in the package, and shellcheck none in its scripts', async (t) => {
  t.timeout(900_000);
  const file = await packageFile();
  const { code, stdout } = await run(['lintian', '--fail-on', 'error', '--tag-display-limit', '0', file]);
  t.is(
    code,
    0,
    stdout
      .split('\n')
      .filter((line) => line.startsWith('E:'))
      .join('\n'),
  );
  const scripts = ['postinst', 'prerm', 'postrm'].map((name) => join(packageRoot, 'packaging', name));
  t.is((await run(['shellcheck', ...scripts])).stdout, '');
});

test('on a clean Debian it is installed, boots a machine without root, is upgraded, and leaves nothing', async (t) => {
  t.timeout(900_000);
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-package-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = await packageFile();
  const { server, client } = await network(t);
  const debian = await debianSystemFor(t, server);
  // The one of Debian's own package here, which needs libc only.
  await copyFile('/usr/bin/docker-registry', join(debian.root, 'usr/bin/docker-registry'));
  const before = await listing(debian);

  // Installed.
  const said = await install(debian, file);
  t.regex(
    said,
    /say in \/etc\/rackseed\/rackseed\.yaml which interface to serve, then call: rackseed install/,
  );
  await configure(debian, folder);
  t.regex(await debian.run('rackseed', 'check'), /^\/etc\/rackseed is good$/m);
  const dry = await debian.run('rackseed', 'install', '--dry-run');
  t.regex(
    dry,
    /^would \/etc\/systemd\/system\/rackseed-kubernetes1\.socket\n {6}\+# Written by rackseed install/m,
  );
  t.is((await run(['ls', join(debian.root, 'etc/systemd/system/rackseed-kubernetes1.socket')])).code, 2);
  await debian.run('rackseed', 'install');
  const again = await debian.run('rackseed', 'install');
  t.deepEqual(
    again.split('\n').filter((line) => line !== '' && !line.startsWith('ok ')),
    [],
    'the second time there is nothing to do',
  );

  // What the service may do in a cluster is there, whatever of /usr/share/doc is left out.
  for (const name of ['rbac.yaml', 'serviceaccount.yaml'])
    await stat(join(debian.root, 'usr/lib/rackseed/docs', name));

  // Hardened.
  t.is((await debian.run('systemctl', 'is-active', 'rackseed')).trim(), 'active');
  const pid = (await debian.run('systemctl', 'show', '--property=MainPID', '--value', 'rackseed')).trim();
  const status = await debian.run('cat', `/proc/${pid}/status`);
  const user = (await debian.run('id', '-u', 'rackseed')).trim();
  t.regex(status, new RegExp(`^Uid:\\t${user}\\t${user}\\t`, 'm'));
  for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
    t.regex(status, new RegExp(`^Cap${set}:\\t0+$`, 'm'));
  const security = await debian.run('systemd-analyze', 'security', '--no-pager', 'rackseed.service');
  const [, level] = /exposure level for rackseed\.service: ([\d.]+)/.exec(security) ?? [];
  t.true(Number(level) <= 2.0, `exposure ${level}`);
  const units = [
    'rackseed.service',
    ...[LAB_NETWORK, SECOND].flatMap(({ name }) => [
      `rackseed-${name}.socket`,
      `rackseed-${name}-http.socket`,
    ]),
  ];
  await debian.run('systemd-analyze', 'verify', '--man=no', ...units);
  const sockets = await debian.run('ss', '--no-header', '--listening', '--numeric', '--udp', '--tcp');
  const ours = sockets.split('\n').flatMap((line) => /\s(\S+:\d+)\s/.exec(line)?.[1] ?? []);
  for (const name of INTERFACES) {
    const bound = ours.filter((place) => place.includes(`%${name}:`));
    t.deepEqual(
      bound.map((place) => Number(place.split(':')[1])).sort((a, b) => a - b),
      [67, 67, 69, 80, 443, 514, 4011],
      name,
    );
  }
  const mirror = `${LAB_NETWORK.address.split('/')[0]}:${REGISTRY.port}`;
  const isBound = (place: string) =>
    place === mirror || INTERFACES.some((name) => place.includes(`%${name}:`));
  t.deepEqual(
    ours.filter((place) => !isBound(place)),
    [],
    'nothing listens anywhere else',
  );

  // With the raw sockets that systemd keeps for it, whenever it starts.
  for (const start of ['the first', 'another']) {
    const kept = await debian.run(
      'systemctl',
      'show',
      '--property=NFileDescriptorStore',
      '--value',
      'rackseed',
    );
    t.is(kept.trim(), '6', `${start} start`);
    await debian.run('systemctl', 'restart', 'rackseed');
  }
  t.is(await lease(client, 'eth1'), '192.168.1.2', 'an address that somebody uses is not offered');

  // The mirror of a registry runs under the same hardening.
  await eventually(async () => {
    const [answer] = (await doctor(debian)).filter(({ subject }) => subject === `mirror of ${REGISTRY.name}`);
    return answer?.level === 'ok';
  }, 60_000);

  // The doctor finds nothing wrong, and leaves a service alone that was stopped.
  t.deepEqual(failuresIn(await doctor(debian)), []);
  await debian.run('systemctl', 'stop', 'rackseed');
  const stopped = await doctor(debian);
  t.deepEqual(failuresIn(stopped), []);
  const ports = stopped.filter(({ subject }) => subject.startsWith('port '));
  t.is(ports.length, 12);
  for (const { found } of ports) t.regex(found, /^kept for the service by systemd, rackseed-\S+\.socket$/);
  t.is(
    (await debian.run('systemctl', 'show', '--property=ActiveState', '--value', 'rackseed')).trim(),
    'inactive',
  );
  await debian.run('systemctl', 'start', 'rackseed');

  // A machine boots.
  const api = new ApiClient(localEndpoint({ path: join(debian.root, STATE, 'admin.sock') }));
  const mac = '52:54:00:00:00:01' as Mac;
  const machine = await powerOn({
    ...{ name: 'worker-01', mac, tap: 'vm1', directory: folder, namespace: server },
    ...{ firmware: 'bios', accelerator: 'tcg', memory: 1024 },
  });
  t.teardown(() => machine.process.stop());
  await eventually(async () => {
    const [boot] = await api.boots(mac).catch(() => []);
    return boot?.entries.some(({ kind }) => kind === 'up') ?? false;
  }, 240_000);
  await machine.process.stop();
  const [boot] = await api.boots(mac);
  const script = boot?.entries.find(({ kind }) => kind === 'script')?.at ?? '';
  const ack = boot?.entries.findLast(({ kind, at }) => kind === 'ack' && at <= script)?.at ?? '';
  const wait = Date.parse(script) - Date.parse(ack);
  t.true(wait < AT_ONCE, `iPXE has its address at ${ack} and asks for its script at ${script}`);
  t.notRegex(await debian.run('journalctl', '--no-pager', '--unit=rackseed'), /CAP_NET_RAW|IPv6 router/);

  // Upgraded, while another machine holds a lease.
  const address = await lease(client, 'eth0');
  const later = await laterPackage(file, folder);
  await install(debian, later);
  await eventually(
    async () => (await debian.run('systemctl', 'is-active', 'rackseed')).trim() === 'active',
    60_000,
  );
  t.regex(await debian.run('dpkg-query', '--show', 'rackseed'), /\+later$/m);
  const leases = await api.leases();
  t.true(
    leases.some((held) => held.address === address),
    'the lease is still held',
  );
  t.is(await lease(client, 'eth0'), address);

  // Gone.
  await debian.run('dpkg', '--remove', 'rackseed');
  await stat(join(debian.root, 'etc/rackseed/rackseed.yaml'));
  t.is((await run(['ls', join(debian.root, 'etc/systemd/system/rackseed-kubernetes1.socket')])).code, 2);
  await debian.run('dpkg', '--purge', 'rackseed');
  t.deepEqual(await listing(debian), before);
});

/**
 * The provisioning network of the lab, with a machine to emulate and a namespace that is one already; and the second one, of
 * which the namespace is a machine too.
 */
async function network(t: ExecutionContext): Promise<{ server: Namespace; client: Namespace }> {
  const { interface: bridge, mac, address } = LAB_NETWORK;
  const server = await namespaceFor(t);
  await server.ip(...bridgeCommands(bridge, mac, address), ...tapCommands('vm1', bridge));
  const client = await namespaceFor(t);
  await connect({ namespace: server, interface: 'port1' }, { namespace: client, interface: 'eth0' });
  await server.ip(`link set port1 master ${bridge}`);
  await server.ip(...bridgeCommands(SECOND.interface, '52:54:00:ff:01:fe', SECOND.address));
  await connect({ namespace: server, interface: 'port2' }, { namespace: client, interface: 'eth1' });
  const occupant = await namespaceFor(t);
  await connect({ namespace: server, interface: 'port3' }, { namespace: occupant, interface: 'eth0' });
  await occupant.ip(`address add ${TAKEN}/24 dev eth0`);
  await server.ip(`link set port2 master ${SECOND.interface}`, `link set port3 master ${SECOND.interface}`);
  return { server, client };
}

async function install(debian: DebianSystem, file: string): Promise<string> {
  await copyFile(file, join(debian.root, 'root', basename(file)));
  const said = await debian.run('dpkg', '--install', join('/root', basename(file)));
  await rm(join(debian.root, 'root', basename(file)));
  return said;
}

/** The lab's configuration and image in the places of an installed system. */
async function configure(debian: DebianSystem, folder: string): Promise<void> {
  const image = await labImage('small', join(packageRoot, '.cache/lab'), () => {});
  const options = {
    directory: folder,
    image,
    guest: 'small',
    count: 1,
    adminSocket: `${folder}/admin.sock`,
  } as const;
  const { directory } = await writeLabConfiguration(options);
  const text = await readFile(join(directory, 'rackseed.yaml'), 'utf8');
  const moved = load(text.replaceAll(folder, STATE).replaceAll(`${STATE}/store`, STATE)) as Rackseed;
  const registries = [REGISTRY];
  const both = dump({
    ...moved,
    networks: [...moved.networks, SECOND],
    mirror: { network: LAB_NETWORK.name, registries },
  });
  const config = join(debian.root, 'etc/rackseed');
  await rm(config, { recursive: true });
  await cp(directory, config, { recursive: true });
  await writeFile(join(config, 'rackseed.yaml'), both);
  for (const name of ['assets', 'pki']) {
    await mkdir(join(debian.root, STATE, name), { recursive: true });
    await cp(join(folder, name), join(debian.root, STATE, name), { recursive: true });
  }
}

/** What the doctor finds when root calls it in the container; it exits with 1 when that is something to mend. */
async function doctor(debian: DebianSystem): Promise<readonly Finding[]> {
  const said = await debian.run('sh', '-c', 'rackseed doctor --json || [ $? = 1 ]');
  return (JSON.parse(said) as { readonly findings: readonly Finding[] }).findings;
}

/** What is to be mended, but for the cluster: there is none in this rack. */
function failuresIn(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ level, subject }) => level === 'fail' && !subject.startsWith('API server '));
}

/** The address that udhcpc gets on an interface. */
async function lease(client: Namespace, name: string): Promise<string> {
  const argv = ['udhcpc', '-i', name, '-f', '-n', '-q', '-s', '/bin/true'];
  const { stderr, stdout } = await run(client.command(argv), { timeout: 30_000 });
  return /lease of (\S+) obtained/.exec(stderr + stdout)?.[1] ?? '';
}

/** What there is of files outside the system's own logs and caches, and the users. */
async function listing(debian: DebianSystem): Promise<string[]> {
  const skipped = [
    'run',
    'proc',
    'sys',
    'dev',
    'tmp',
    'var/log',
    'var/cache',
    'var/lib/dpkg',
    'var/tmp',
    'var/lib/systemd',
  ];
  const prune = skipped.flatMap((path, index) => [...(index ? ['-o'] : []), '-path', `./${path}`]);
  const files = await runChecked(['find', '.', '(', ...prune, ')', '-prune', '-o', '-print'], {
    cwd: debian.root,
  });
  const users = await readFile(join(debian.root, 'etc/passwd'), 'utf8');
  return [...files.split('\n').sort(), ...users.split('\n')];
}
