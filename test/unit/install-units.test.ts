import test from 'ava';
import type { Network } from '../../src/config/config.ts';
import { escapeUnitName, rawSocketsDropIn, serviceUnit, socketUnits } from '../../src/install/units.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { run } from '../support/process.ts';

const network = (changes: object = {}) =>
  ({
    name: 'kubernetes1',
    interface: 'enp0s8',
    address: parseIpv4('192.168.0.254'),
    dhcp: { mode: 'authoritative' },
    http: { port: 80 },
    https: { port: 443 },
    syslog: { enabled: true },
    ...changes,
  }) as unknown as Network;

const lines = (text: string | undefined, key: string) =>
  (text ?? '')
    .split('\n')
    .flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));

for (const [what, changes, datagrams, streams] of [
  [
    'an authoritative network',
    {},
    ['0.0.0.0:67', '192.168.0.254:67', '192.168.0.254:4011', '192.168.0.254:69', '192.168.0.254:514'],
    ['192.168.0.254:80', '192.168.0.254:443'],
  ],
  [
    'a proxy, which overhears what other servers answer',
    { dhcp: { mode: 'proxy' }, syslog: { enabled: false }, http: { port: 8080 } },
    ['0.0.0.0:67', '192.168.0.254:67', '192.168.0.254:4011', '0.0.0.0:68', '192.168.0.254:69'],
    ['192.168.0.254:8080', '192.168.0.254:443'],
  ],
] as const) {
  test(`systemd opens the sockets of ${what}, each bound to the interface`, (t) => {
    const [udp, tcp] = socketUnits(network(changes), false);
    t.deepEqual(lines(udp?.text, 'ListenDatagram'), [...datagrams]);
    t.deepEqual(lines(tcp?.text, 'ListenStream'), [...streams]);
    for (const unit of [udp, tcp]) {
      t.deepEqual(lines(unit?.text, 'BindToDevice'), ['enp0s8']);
      t.deepEqual(lines(unit?.text, 'Service'), ['rackseed.service']);
    }
    t.deepEqual(lines(tcp?.text, 'ReceiveBuffer'), [], 'each connection would have it');
  });
}

test('with udev, sockets follow their card', (t) => {
  const [unit] = socketUnits(network({ interface: 'eth-1.7' }), true);
  t.deepEqual(lines(unit?.text, 'BindsTo'), ['sys-subsystem-net-devices-eth\\x2d1.7.device']);
  t.regex(unit?.text ?? '', /^WantedBy=.* sys-subsystem-net-devices-eth\\x2d1\.7\.device$/m);
});

test('no two networks share a unit', (t) => {
  const names = ['a', 'a-http', 'a.http'].flatMap((name) =>
    socketUnits(network({ name }), false).map((unit) => unit.name),
  );
  t.is(new Set(names).size, 6, names.join(' '));
});

test('names are escaped as systemd-escape does it', async (t) => {
  for (const name of ['kubernetes1', 'rack-1', 'a b', '.hidden', 'é', 'a:b_c.d']) {
    const { stdout } = await run(['systemd-escape', '--', name]);
    t.is(escapeUnitName(name), stdout.trim());
  }
});

test('paths with spaces, dollars and percent signs reach the service as they are', (t) => {
  const unit = serviceUnit({
    program: ['/usr/bin/node', '/opt/rack seed/$HOME/main.js'],
    user: 'rackseed',
    config: '/etc/100%',
    writable: ['/var/lib/rackseed', '/srv/a b'],
  });
  t.deepEqual(lines(unit, 'ExecStart'), [
    '/usr/bin/node "/opt/rack seed/$$HOME/main.js" serve --config /etc/100%%',
  ]);
  t.deepEqual(lines(unit, 'ReadWritePaths'), ['-/var/lib/rackseed "-/srv/a b"']);
});

test("raw sockets are opened by a program with one capability and the service's user, for each interface once", (t) => {
  const networks = ['enp0s8', 'enp0s9.20', 'enp0s8'].map((name) => network({ interface: name }));
  const program = ['/usr/bin/node', '/opt/rackseed/dist/main.js'];
  const { name, text } = rawSocketsDropIn({ program, user: 'rackseed' }, networks);
  t.is(name, 'rackseed.service.d/10-raw-sockets.conf');
  t.deepEqual(lines(text, 'FileDescriptorStoreMax'), ['6']);
  t.deepEqual(lines(text, 'NotifyAccess'), ['exec'], 'it speaks to systemd itself');
  const [command = ''] = lines(text, 'ExecStartPre');
  t.regex(command, /^-\+\/usr\/bin\/setpriv --reuid=rackseed .* --bounding-set=-all,\+net_raw /);
  t.regex(command, / \/usr\/bin\/node \/opt\/rackseed\/dist\/open-sockets\.js enp0s8 enp0s9\.20$/);
});
