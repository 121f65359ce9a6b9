import test from 'ava';
import { LOADERS } from '../../src/boot/loaders.ts';
import type { Config } from '../../src/config/config.ts';
import { resolveImages } from '../../src/config/images.ts';
import { type Ipv4, parseIpv4, subnetOf } from '../../src/net/ipv4.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { check } from '../support/config.ts';

const ip = (text: string) => parseIpv4(text) as Ipv4;
const mac = (text: string) => parseMac(text) as Mac;
const range = (first: string, last: string) => ({ first: ip(first), last: ip(last) });

test('a short configuration is filled up with what absent keys mean', (t) => {
  const result = check({});
  const expected: Config = {
    directory: '/etc/rackseed',
    networks: [
      {
        name: 'kubernetes1',
        interface: 'eth1',
        address: ip('192.168.0.254'),
        subnet: subnetOf(ip('192.168.0.254'), 24),
        dhcp: {
          mode: 'authoritative',
          ranges: [range('192.168.0.1', '192.168.0.100')],
          lease: 3600,
          quarantine: 600,
          bootp: 'drop',
          rapidCommit: false,
          conflictCheck: true,
          vendorOptions: [],
          dns: [],
          ntp: [],
          search: [],
          routes: [],
          options: new Map(),
        },
        shared: [],
        relayed: [],
        http: { port: 80 },
        https: { port: 443 },
        tftp: { singlePort: false },
        syslog: { enabled: true },
      },
    ],
    unknownMachines: 'hold',
    defaultProfile: 'worker',
    profiles: new Map([
      [
        'worker',
        {
          name: 'worker',
          chain: ['worker'],
          boot: {
            kind: 'image',
            image: 'flatcar/1',
            kernel: 'flatcar_production_pxe.vmlinuz',
            initrds: ['flatcar_production_pxe_image.cpio.gz'],
            args: [],
            document: 'cloud-config',
            secrets: 'https',
          },
          origins: { files: new Map(), units: new Map() },
        },
      ],
    ]),
    rules: [],
    machines: new Map(),
    ports: [],
    assets: { directory: '/etc/assets', memory: 1073741824 },
    images: resolveImages({}, '/etc/rackseed'),
    firmware: { directory: '/usr/lib/ipxe', loaders: LOADERS },
    admin: {
      listen: { host: '127.0.0.1', port: 9080 },
      local: { host: '127.0.0.1', port: 9080 },
      names: [],
    },
    store: { directory: '/var/lib/rackseed' },
    bootToken: 900,
    webhooks: [],
  };
  t.deepEqual(result, { ok: true, config: expected });
});

test('everything that can be written arrives in the configuration', (t) => {
  const result = check(
    {
      'rackseed.yaml': `networks:
  - name: blue
    interface: eth1
    address: 10.1.0.1/16
    dhcp:
      mode: authoritative
      range: [10.1.1.0-10.1.1.255, 10.1.9.1-10.1.9.9]
      lease: 90s
      quarantine: 5
      bootp: answer
      router: 10.1.0.1
      dns: [10.1.0.1, 9.9.9.9]
      ntp: [10.1.0.2]
      domain: blue.example
      search: [blue.example, example]
      routes: [{ to: 10.0.0.0/8, via: 10.1.0.3 }]
      options:
        tftp_server_name: boot
        interface_mtu: 9000
        "150": { type: ipv4, value: 10.1.0.1 }
        224: { type: hex, value: "de:ad" }
    http: { port: 8080 }
    tftp: { blksize: 1024, single_port: true }
    syslog: { enabled: false }
  - name: green
    interface: eth2
    address: 10.2.0.1/24
    dhcp: { mode: authoritative, range: 10.2.0.10-10.2.0.20 }
unknown_machines: boot
default_profile: disk
assets: { directory: images, memory: 256MiB }
firmware: { directory: /srv/ipxe }
admin: { listen: "unix:/run/rackseed.sock" }
store: { lmdb: leases }
`,
      'profiles/disk.yaml': 'boot: { local_disk: true }',
      'profiles/debian.yaml': `boot:
  image: debian
  initrd: [a.img, sub/b.img]
  args: ["quiet", "host={{ machine.hostname }}"]
cloud_config:
  hostname: "{{ machine.hostname }}"
  write_files: [{ path: /a, content: b, permissions: 0600 }]
`,
      'machines/a.yaml': `machines:
  - mac: 52-54-00-AA-BB-CC
    hostname: one
    profile: debian
    address: 10.2.0.99
    loader: ipxe.efi
    labels: { rack: r1, topology.zone: "7" }
  - mac: 525400aabbcd
`,
      'machines/b.yaml': '# nobody yet\n',
      'machines/c.yaml': 'machines:\n  # - mac: 52:54:00:00:00:01\n',
    },
    ['/etc/rackseed/images', '/srv/ipxe'],
  );
  if (!result.ok) return t.fail(JSON.stringify(result.problems));
  const { networks, profiles, machines, ...settings } = result.config;
  t.deepEqual(settings, {
    directory: '/etc/rackseed',
    ports: [],
    unknownMachines: 'boot',
    defaultProfile: 'disk',
    rules: [],
    assets: { directory: '/etc/rackseed/images', memory: 268435456 },
    images: resolveImages({}, '/etc/rackseed'),
    firmware: { directory: '/srv/ipxe', loaders: LOADERS },
    admin: { listen: { path: '/run/rackseed.sock' }, local: { path: '/run/rackseed.sock' }, names: [] },
    store: { directory: '/etc/rackseed/leases' },
    bootToken: 900,
    webhooks: [],
  });
  t.deepEqual(networks[0], {
    name: 'blue',
    shared: [],
    relayed: [],
    interface: 'eth1',
    address: ip('10.1.0.1'),
    subnet: subnetOf(ip('10.1.0.1'), 16),
    dhcp: {
      mode: 'authoritative',
      rapidCommit: false,
      conflictCheck: true,
      vendorOptions: [],
      ranges: [range('10.1.1.0', '10.1.1.255'), range('10.1.9.1', '10.1.9.9')],
      lease: 90,
      quarantine: 5,
      bootp: 'answer',
      router: ip('10.1.0.1'),
      dns: [ip('10.1.0.1'), ip('9.9.9.9')],
      ntp: [ip('10.1.0.2')],
      domain: 'blue.example',
      search: ['blue.example', 'example'],
      routes: [{ destination: subnetOf(ip('10.0.0.0'), 8), router: ip('10.1.0.3') }],
      options: new Map([
        [150, Uint8Array.of(10, 1, 0, 1)],
        [224, Uint8Array.of(0xde, 0xad)],
        [66, Uint8Array.from(Buffer.from('boot'))],
        [26, Uint8Array.of(0x23, 0x28)],
      ]),
    },
    http: { port: 8080 },
    https: { port: 443 },
    tftp: { blksize: 1024, singlePort: true },
    syslog: { enabled: false },
  });
  t.is(networks[1]?.name, 'green');
  t.deepEqual([...profiles.keys()].sort(), ['debian', 'disk', 'worker']);
  t.deepEqual(profiles.get('disk'), {
    name: 'disk',
    chain: ['disk'],
    boot: { kind: 'local-disk' },
    origins: { files: new Map(), units: new Map() },
  });
  t.deepEqual(profiles.get('debian'), {
    name: 'debian',
    chain: ['debian'],
    boot: {
      kind: 'image',
      image: 'debian',
      kernel: 'vmlinuz',
      initrds: ['a.img', 'sub/b.img'],
      args: ['quiet', 'host={{ machine.hostname }}'],
      document: 'cloud-init',
      secrets: 'https',
    },
    cloudConfig: {
      hostname: '{{ machine.hostname }}',
      write_files: [{ path: '/a', content: 'b', permissions: '0600' }],
    },
    origins: { files: new Map([['/a', 'profiles/debian.yaml:7']]), units: new Map() },
  });
  t.deepEqual(
    [...machines.values()],
    [
      {
        mac: mac('52:54:00:aa:bb:cc'),
        place: 'machines/a.yaml: machines[0]',
        hostname: 'one',
        profile: 'debian',
        address: ip('10.2.0.99'),
        loader: 'ipxe.efi',
        labels: { rack: 'r1', 'topology.zone': '7' },
        adoptDisk: false,
      },
      { mac: mac('52:54:00:aa:bb:cd'), place: 'machines/a.yaml: machines[1]', labels: {}, adoptDisk: false },
    ],
  );
});
