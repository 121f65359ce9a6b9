import test from 'ava';
import { good, PROFILE, problems } from '../support/config.ts';

/** The problems of a profile's cloud_config, without the name of the file. */
const inDocument = (text: string) =>
  problems({ 'profiles/worker.yaml': `${PROFILE}cloud_config: ${text}\n` }).map((line) =>
    line.replace('config/profiles/worker.yaml:2: cloud_config.', ''),
  );

const EVERYTHING = `{
  hostname: a, ssh_authorized_keys: [k], manage_etc_hosts: localhost,
  users: [{ name: u, passwd: h, ssh_authorized_keys: [k], gecos: g, homedir: /h, no_create_home: true, primary_group: p,
    groups: [g], no_user_group: true, system: true, no_log_init: true, shell: /bin/sh, coreos_ssh_import_github: a,
    coreos_ssh_import_github_users: [a], coreos_ssh_import_url: "https://a" }],
  write_files: [{ path: /a, content: c, owner: "a:b", permissions: "0644" }, { path: /b, content: YQ==, encoding: base64 }],
  coreos: {
    units: [{ name: a.service, content: c, command: reload-or-try-restart, enable: true, mask: false, runtime: true,
      drop_ins: [{ name: a.conf, content: c }] }],
    update: { reboot_strategy: etcd-lock, group: g, server: s },
    locksmith: { endpoint: e, etcd_cafile: a, etcd_certfile: a, etcd_keyfile: a, etcd_username: a, etcd_password: a, group: g,
      window_start: "Thu 23:00", window_length: 1h30m },
    flannel: { etcd_endpoints: "http://a,http://b", etcd_cafile: a, etcd_certfile: a, etcd_keyfile: a, etcd_prefix: a,
      etcd_username: a, etcd_password: a, ip_masq: "true", subnet_file: a, interface: a, public_ip: a },
    etcd: { addr: a, cluster_active_size: 3, retry_interval: 0.5, very_verbose: true },
    etcd2: { discovery: "https://discovery.etcd.io/x", heartbeat_interval: 100, debug: true, proxy: readonly, wal_dir: a },
    fleet: { metadata: "role=minion", token_limit: 10, engine_reconcile_interval: 2.5, verify_units: true },
    oem: { id: a, name: b, version_id: "1", home_url: c, bug_report_url: d }
  }
  }`;

test('all that coreos-cloudinit reads can be written', (t) => {
  t.deepEqual(inDocument(EVERYTHING), []);
});

const only = (what: string) => `(expected one of ${what})`;

const FAULTS: readonly [what: string, document: string, ...expected: string[]][] = [
  [
    'a key of another format',
    '{ runcmd: [a] }',
    `runcmd: unknown key ${only('hostname, ssh_authorized_keys, users, write_files, manage_etc_hosts, coreos')}`,
  ],
  [
    'a misspelt section',
    '{ coreos: { flanel: {} } }',
    `coreos.flanel: unknown key, did you mean flannel? ${only('units, update, locksmith, flannel, etcd2, etcd, fleet, oem')}`,
  ],
  [
    'misspelt keys of units, drop-ins, files and users',
    '{ coreos: { units: [{ name: a, comand: start, drop_ins: [{ name: a, contents: b }] }] }, write_files: [{ path: /a, permission: "1" }], users: [{ name: a, sudo: x }] }',
    'users[0].sudo: unknown key',
    `write_files[0].permission: unknown key, did you mean permissions? ${only('path, content, owner, permissions, encoding')}`,
    `coreos.units[0].comand: unknown key, did you mean command? ${only('name, content, command, enable, mask, runtime, drop_ins')}`,
    `coreos.units[0].drop_ins[0].contents: unknown key, did you mean content? ${only('name, content')}`,
  ],
  [
    'values that are not allowed',
    '{ manage_etc_hosts: "yes", coreos: { update: { reboot_strategy: best-effort }, etcd2: { proxy: maybe }, locksmith: { window_start: noon, window_length: "1" } } }',
    'manage_etc_hosts: "yes" is not allowed (expected localhost)',
    `coreos.update.reboot_strategy: "best-effort" is not allowed ${only('etcd-lock, reboot, off')}`,
    'coreos.locksmith.window_start: "noon" is not a time such as 14:00 or Thu 23:00 (expected for example "Thu 23:00")',
    'coreos.locksmith.window_length: "1" is not a duration in Go\'s notation (expected for example 1h30m)',
    `coreos.etcd2.proxy: "maybe" is not allowed ${only('on, off, readonly')}`,
  ],
  [
    'types that would reject the whole document',
    '{ coreos: { etcd2: { debug: "yes", heartbeat_interval: "100" }, fleet: { metadata: 1, etcd_request_timeout: a }, flannel: { etcd_endpoints: [a] } } }',
    'coreos.flannel.etcd_endpoints: a list is not text (expected quotes around it)',
    'coreos.etcd2.debug: "yes" is not true or false',
    'coreos.etcd2.heartbeat_interval: "100" is not a whole number',
    'coreos.fleet.metadata: 1 is not text (expected quotes around it)',
    'coreos.fleet.etcd_request_timeout: "a" is not a number',
  ],
  ...['/usr/bin/x', '/usr/', 'etc/motd', '/etc/../usr/x', '/./usr/x', '//usr/x', '/etc/'].map(
    (path): [string, string, string] => [
      `a file at ${path}`,
      `{ write_files: [{ path: ${path} }] }`,
      `write_files[0].path: "${path}" is not an absolute path outside the read-only /usr (expected for example /etc/motd)`,
    ],
  ),
];

for (const [what, document, ...expected] of FAULTS) {
  test(`a cloud-config with ${what} is refused with its place`, (t) => {
    t.deepEqual(inDocument(document), expected);
  });
}

test('a mode without quotes means the digits that were written', (t) => {
  const { profiles } = good({
    'profiles/worker.yaml': `${PROFILE}cloud_config: { write_files: [{ path: /a, permissions: 0644 }, { path: /b, permissions: 755 }] }\n`,
    'profiles/u.yaml':
      'boot: { image: ubuntu }\ncloud_init: { write_files: [{ path: /a, permissions: 0600 }] }\n',
  });
  t.deepEqual(profiles.get('worker')?.cloudConfig, {
    write_files: [
      { path: '/a', permissions: '0644' },
      { path: '/b', permissions: '0755' },
    ],
  });
  t.deepEqual(profiles.get('u')?.cloudInit, { write_files: [{ path: '/a', permissions: '0600' }] });
});
