import test from 'ava';
import { PROFILE, problems, RACKSEED } from '../support/config.ts';

/** rackseed.yaml with one text replaced. */
const edited = (from: string, to: string) => {
  if (!RACKSEED.includes(from)) throw new Error(`${from} is not in the file`);
  return RACKSEED.replace(from, to);
};

/** rackseed.yaml with further keys under dhcp, which begin on line 8. */
const dhcp = (lines: string) => edited('.100\n', `.100\n${lines.replace(/^/gm, '      ')}\n`);

const MAIN: readonly [what: string, text: string, ...expected: string[]][] = [
  [
    'a file that is no YAML',
    'networks:\n  - name: [a\n',
    'config/rackseed.yaml:3: is not valid YAML: deficient indentation',
  ],
  [
    'a key written twice',
    `${RACKSEED}default_profile: other\n`,
    'config/rackseed.yaml:9: is not valid YAML: duplicated mapping key',
  ],
  [
    'a second document',
    `${RACKSEED}---\nfoo: 1\n`,
    'config/rackseed.yaml:1: holds several YAML documents (expected one)',
  ],
  ['a list instead of a mapping', '- a\n', 'config/rackseed.yaml:1: a list is not a mapping'],
  [
    'an empty file',
    '# nothing\n',
    'config/rackseed.yaml:1: networks: is missing (expected a list)',
    'config/rackseed.yaml:1: default_profile: is missing (expected a name of a profile such as worker)',
  ],
  [
    'a misspelt key',
    edited('default_profile', 'defaultprofile'),
    'config/rackseed.yaml:1: default_profile: is missing (expected a name of a profile such as worker)',
    'config/rackseed.yaml:8: defaultprofile: unknown key, did you mean default_profile? (expected one of networks, unknown_machines, default_profile, kubernetes, assets, images, mirror, proxy, firmware, admin, boot_token, webhooks, store)',
  ],
  [
    'a profile that does not exist',
    edited('worker', 'wroker'),
    'config/rackseed.yaml:8: default_profile: there is no profile wroker, did you mean worker? (expected one of worker)',
  ],
  [
    'a word that is not on offer',
    `${RACKSEED}unknown_machines: wait\n`,
    'config/rackseed.yaml:9: unknown_machines: "wait" is not allowed (expected one of hold, boot, ignore)',
  ],
  [
    'no networks',
    'networks: []\ndefault_profile: worker\n',
    'config/rackseed.yaml:1: networks: is an empty list (expected at least one entry)',
  ],
  [
    'another mode of DHCP',
    edited('authoritative', 'relay'),
    'config/rackseed.yaml:6: networks[0].dhcp.mode: "relay" is not allowed (expected one of authoritative, proxy, auto)',
  ],
  [
    'an address without its prefix length',
    edited('254/24', '254'),
    'config/rackseed.yaml:4: networks[0].address: "192.168.0.254" is not an IPv4 address with its prefix length (expected for example 192.168.0.254/24)',
  ],
  [
    'the broadcast address as our own',
    edited('254/24', '255/24'),
    'config/rackseed.yaml:4: networks[0].address: 192.168.0.255 is the broadcast address (expected one of 192.168.0.1-192.168.0.254)',
  ],
  [
    'a network of two addresses',
    edited('254/24', '254/31').replace('192.168.0.1-192.168.0.100', '192.168.0.254-192.168.0.255'),
    'config/rackseed.yaml:4: networks[0].address: a /31 network is of no use here (expected a prefix length from 8 to 30)',
    "config/rackseed.yaml:7: networks[0].dhcp.range: 192.168.0.254-192.168.0.255 holds the network's own address, 192.168.0.254 (expected a range without it)",
    'config/rackseed.yaml:7: networks[0].dhcp.range: 192.168.0.254-192.168.0.255 holds the broadcast address, 192.168.0.255 (expected a range without it)',
    'config/rackseed.yaml:7: networks[0].dhcp.range: 192.168.0.254-192.168.0.255 holds our own address, 192.168.0.254 (expected a range without it)',
  ],
  [
    'a range that runs backwards',
    edited('192.168.0.1-192.168.0.100', '192.168.0.100-192.168.0.1'),
    'config/rackseed.yaml:7: networks[0].dhcp.range: "192.168.0.100-192.168.0.1" is not an address range or list of ranges (expected for example 192.168.0.1-192.168.0.100)',
  ],
  [
    'one bad range of several',
    edited('192.168.0.1-192.168.0.100', '\n        - 192.168.0.1-192.168.0.9\n        - 7'),
    'config/rackseed.yaml:9: networks[0].dhcp.range[1]: 7 is not an address range (expected for example 192.168.0.1-192.168.0.100)',
  ],
  [
    'bad ranges of two networks, one written as a list and one not',
    edited('192.168.0.1-192.168.0.100', 'all').replace(
      'default_profile',
      '  - name: b\n    interface: eth2\n    address: 10.0.0.1/24\n    dhcp: { mode: authoritative, range: [all] }\ndefault_profile',
    ),
    'config/rackseed.yaml:7: networks[0].dhcp.range: "all" is not an address range or list of ranges (expected for example 192.168.0.1-192.168.0.100)',
    'config/rackseed.yaml:11: networks[1].dhcp.range[0]: "all" is not an address range (expected for example 192.168.0.1-192.168.0.100)',
  ],
  [
    'a range outside its subnet',
    edited('192.168.0.1-', '192.167.0.1-'),
    'config/rackseed.yaml:7: networks[0].dhcp.range: 192.167.0.1-192.168.0.100 is outside 192.168.0.0/24 (expected addresses in 192.168.0.1-192.168.0.254)',
  ],
  [
    'a range that holds our own address',
    edited('.100', '.254'),
    'config/rackseed.yaml:7: networks[0].dhcp.range: 192.168.0.1-192.168.0.254 holds our own address, 192.168.0.254 (expected a range without it)',
  ],
  [
    'a range that holds the router',
    dhcp('router: 192.168.0.50'),
    'config/rackseed.yaml:7: networks[0].dhcp.range: 192.168.0.1-192.168.0.100 holds the router, 192.168.0.50 (expected a range without it)',
  ],
  [
    'ranges that overlap',
    edited('192.168.0.1-192.168.0.100', '[192.168.0.1-192.168.0.100, 192.168.0.100-192.168.0.120]'),
    'config/rackseed.yaml:7: networks[0].dhcp.range[1]: 192.168.0.100-192.168.0.120 overlaps 192.168.0.1-192.168.0.100 of networks[0].dhcp.range[0]',
  ],
  [
    'a router in another network',
    dhcp('router: 192.168.1.1'),
    'config/rackseed.yaml:8: networks[0].dhcp.router: 192.168.1.1 is outside 192.168.0.0/24 (expected one of 192.168.0.1-192.168.0.254)',
  ],
  [
    'a route by way of another network, and one with host bits',
    dhcp('routes:\n  - { to: 10.0.0.0/8, via: 10.0.0.1 }\n  - { to: 10.0.0.1/8, via: 192.168.0.1 }'),
    'config/rackseed.yaml:10: networks[0].dhcp.routes[1].to: "10.0.0.1/8" is not a network with its prefix length (expected for example 10.0.0.0/8)',
  ],
  [
    'a route by way of another network',
    dhcp('routes:\n  - { to: 10.0.0.0/8, via: 10.0.0.1 }'),
    'config/rackseed.yaml:9: networks[0].dhcp.routes[0].via: 10.0.0.1 is outside 192.168.0.0/24 (expected one of 192.168.0.1-192.168.0.254)',
  ],
  [
    'a lease of no time',
    dhcp('lease: 0'),
    'config/rackseed.yaml:8: networks[0].dhcp.lease: 0 is not a duration (expected for example 90s, 15m, 1h, 7d or a number of seconds)',
  ],
  [
    'several values of the wrong kind',
    dhcp('dns: 9.9.9.9\nbootp: yes\ndomain: 5'),
    'config/rackseed.yaml:8: networks[0].dhcp.dns: "9.9.9.9" is not a list (expected for example [192.168.0.254])',
    'config/rackseed.yaml:9: networks[0].dhcp.bootp: "yes" is not allowed (expected one of answer, drop)',
    'config/rackseed.yaml:10: networks[0].dhcp.domain: 5 is not a domain name (expected for example kubernetes.local)',
  ],
  [
    'options that the server decides',
    dhcp('options:\n  lease_time: 60\n  "53": { type: uint8, value: 5 }\n  host_name: a'),
    "config/rackseed.yaml:9: networks[0].dhcp.options.lease_time: lease_time (51) can't be set here: set dhcp.lease",
    'config/rackseed.yaml:10: networks[0].dhcp.options["53"]: message_type (53) can\'t be set here: the server decides it for each packet',
    "config/rackseed.yaml:11: networks[0].dhcp.options.host_name: host_name (12) can't be set here: it is each machine's hostname, set in machines/",
  ],
  [
    'options that are set twice',
    dhcp(
      'domain: a.b\noptions:\n  domain_name: c\n  log_servers: [1.1.1.1]\n  "7": { type: ipv4_list, value: [1.1.1.1] }',
    ),
    'config/rackseed.yaml:10: networks[0].dhcp.options.domain_name: domain_name (15) is already set by dhcp.domain',
    'config/rackseed.yaml:11: networks[0].dhcp.options.log_servers: log_servers (7) is set twice',
  ],
  [
    'options without an encoding',
    dhcp(
      `options:\n  log_server: [1.1.1.1]\n  "150": { type: ipv4, value: here }\n  "151": { type: ipv5, value: 1 }\n  root_path: ${'x'.repeat(256)}\n  "255": { type: uint8, value: 1 }`,
    ),
    'config/rackseed.yaml:9: networks[0].dhcp.options.log_server: unknown key, did you mean log_servers?',
    'config/rackseed.yaml:10: networks[0].dhcp.options["150"].value: "here" is not an IPv4 address (expected for example 192.168.0.254)',
    'config/rackseed.yaml:11: networks[0].dhcp.options["151"].type: "ipv5" is not allowed (expected one of ipv4, ipv4_list, uint8, uint16, uint32, int32, boolean, string, domain_list, classless_routes, hex)',
    'config/rackseed.yaml:12: networks[0].dhcp.options.root_path: is 256 bytes long, more than the 255 that an option carries',
    'config/rackseed.yaml:13: networks[0].dhcp.options["255"]: end (255) can\'t be set here: it ends the list of options',
  ],
  [
    'two networks that are in each other’s way',
    edited(
      'default_profile',
      '  - name: kubernetes1\n    interface: eth1\n    address: 192.168.0.1/16\n    dhcp: { mode: authoritative, range: 192.168.0.90-192.168.1.9 }\ndefault_profile',
    ),
    'config/rackseed.yaml:8: networks[1].name: kubernetes1 is the name of networks[0] too',
    'config/rackseed.yaml:9: networks[1].interface: eth1 is the interface of networks[0] too',
    'config/rackseed.yaml:10: networks[1].address: 192.168.0.0/16 overlaps 192.168.0.0/24 of networks[0] (expected networks that share no address)',
    'config/rackseed.yaml:11: networks[1].dhcp.range: 192.168.0.90-192.168.1.9 overlaps 192.168.0.1-192.168.0.100 of networks[0].dhcp.range',
  ],
  [
    'folders and files that are not there, even without a default profile',
    `${RACKSEED.replace('default_profile: worker', '')}assets: { directory: /nowhere }\nfirmware: { directory: ../rom }\nadmin: { listen: "0.0.0.0:9080", tls: { certificate: a.crt, key: /a.key } }\n`,
    'config/rackseed.yaml:1: default_profile: is missing (expected a name of a profile such as worker)',
    'config/rackseed.yaml:9: assets.directory: there is no directory /nowhere',
    'config/rackseed.yaml:10: firmware.directory: there is no directory /etc/rom',
    "config/rackseed.yaml:11: admin.tls.certificate: /etc/rackseed/a.crt can't be read or is empty (expected a PEM file)",
    "config/rackseed.yaml:11: admin.tls.key: /a.key can't be read or is empty (expected a PEM file)",
  ],
  [
    'what a merged key brings in, at the place it comes from',
    `x: &base
  mode: authoritative
  lease: 5x
networks:
  - name: a
    interface: eth1
    address: 10.0.0.1/24
    dhcp:
      <<: *base
      range: 10.0.0.2-10.0.0.9
default_profile: worker
`,
    'config/rackseed.yaml:1: x: unknown key (expected one of networks, unknown_machines, default_profile, kubernetes, assets, images, mirror, proxy, firmware, admin, boot_token, webhooks, store)',
    'config/rackseed.yaml:3: networks[0].dhcp.lease: "5x" is not a duration (expected for example 90s, 15m, 1h, 7d or a number of seconds)',
  ],
];

for (const [what, text, ...expected] of MAIN) {
  test(`rackseed.yaml: ${what}: is refused with its place`, (t) => {
    t.deepEqual(problems({ 'rackseed.yaml': text }), expected);
  });
}

const PROFILES: readonly [what: string, text: string, ...expected: string[]][] = [
  [
    'nothing to boot',
    'boot: {}\n',
    'config/profiles/worker.yaml:1: boot: says nothing to boot (expected image, or local_disk: true)',
  ],
  [
    'an empty file',
    '',
    'config/profiles/worker.yaml:1: boot: is missing (expected a mapping with image, or local_disk: true)',
  ],
  [
    'an image and the local disk',
    'boot:\n  local_disk: true\n  image: a\n',
    'config/profiles/worker.yaml:3: boot.image: has no meaning beside local_disk',
  ],
  [
    'files outside their folder',
    'boot:\n  image: /flatcar\n  kernel: ../vmlinuz\n  initrd: [a/../../b, "c d", .]\n',
    'config/profiles/worker.yaml:2: boot.image: "/flatcar" is not a path of an image inside its folder (expected for example flatcar/4593.2.5)',
    'config/profiles/worker.yaml:3: boot.kernel: "../vmlinuz" is not a path of a kernel file inside its folder (expected for example vmlinuz)',
    'config/profiles/worker.yaml:4: boot.initrd[0]: "a/../../b" is not a path of an initrd file inside its folder (expected for example initrd.img)',
    'config/profiles/worker.yaml:4: boot.initrd[1]: "c d" is not a path of an initrd file inside its folder (expected for example initrd.img)',
    'config/profiles/worker.yaml:4: boot.initrd[2]: "." is not a path of an initrd file inside its folder (expected for example initrd.img)',
  ],
  [
    'placeholders that nothing can fill',
    `boot:
  image: a
  args: ["a={{ machine.hostnam }}", "b={{ machine.labels.anything }}"]
cloud_config:
  hostname: "{{ node.name }}"
  write_files:
    - path: /a
      content: |
        docker ps --format '{{.Names}}'
    - path: /b
      content: "{{ machine.mac"
    - path: /c
      content: "{{ machine.mac | shout }}{% include 'x' %}"
    - path: /d
      content: "{% raw %}{{.Names}}{% endraw %}"
`,
    'config/profiles/worker.yaml:3: boot.args[0]: machine.hostnam is no variable, did you mean machine.hostname? (expected one of machine.mac, machine.hostname, machine.index, machine.address, machine.labels, machine.uuid, machine.serial, machine.manufacturer, machine.product, machine.asset)',
    'config/profiles/worker.yaml:5: cloud_config.hostname: node is no variable (expected machine, network, server, profile, boot, mirror, proxy, ntp, resolver, or {% raw %}…{% endraw %} around braces that are not a placeholder)',
    'config/profiles/worker.yaml:8: cloud_config.write_files[0].content: Names is no variable (expected machine, network, server, profile, boot, mirror, proxy, ntp, resolver, or {% raw %}…{% endraw %} around braces that are not a placeholder)',
    'config/profiles/worker.yaml:11: cloud_config.write_files[1].content: bad placeholder: output "{{ machine.mac" not closed (expected {% raw %}…{% endraw %} around braces that are not a placeholder)',
    'config/profiles/worker.yaml:13: cloud_config.write_files[2].content: bad placeholder: undefined filter: shout (expected {% raw %}…{% endraw %} around braces that are not a placeholder)',
  ],
  [
    'a tag that would read another file',
    `${PROFILE}cloud_config: { hostname: "{% include 'rackseed.yaml' %}" }\n`,
    'config/profiles/worker.yaml:2: cloud_config.hostname: bad placeholder: tag "include" not found (expected {% raw %}…{% endraw %} around braces that are not a placeholder)',
  ],
  [
    'what Flatcar would ignore or refuse without a word',
    `${PROFILE}cloud_config:
  write-files: []
  coreos:
    units:
      - name: a.service
        drop-ins: []
        enable: yes
        command: launch
        content: "ip=$private_ipv4"
  write_files:
    - path: /usr/bin/x
      permissions: 0o644
      content: "$private_ipv4 is safe here"
    - content: x
`,
    'config/profiles/worker.yaml:3: cloud_config.write-files: keys with hyphens are ignored by Flatcar (expected write_files)',
    'config/profiles/worker.yaml:7: cloud_config.coreos.units[0].drop-ins: keys with hyphens are ignored by Flatcar (expected drop_ins)',
    'config/profiles/worker.yaml:8: cloud_config.coreos.units[0].enable: "yes" is not true or false',
    'config/profiles/worker.yaml:9: cloud_config.coreos.units[0].command: "launch" is not allowed (expected one of start, stop, restart, reload, try-restart, reload-or-restart, reload-or-try-restart)',
    'config/profiles/worker.yaml:10: cloud_config.coreos.units[0].content: coreos-cloudinit replaces $private_ipv4 by nothing on a network boot (expected {{ machine.address }})',
    'config/profiles/worker.yaml:12: cloud_config.write_files[0].path: "/usr/bin/x" is not an absolute path outside the read-only /usr (expected for example /etc/motd)',
    'config/profiles/worker.yaml:13: cloud_config.write_files[0].permissions: 0o644 is not a file mode (expected "0644" for example)',
    'config/profiles/worker.yaml:15: cloud_config.write_files[1].path: is missing (expected an absolute path outside the read-only /usr such as /etc/motd)',
  ],
];

for (const [what, text, ...expected] of PROFILES) {
  test(`a profile with ${what} is refused with its place`, (t) => {
    t.deepEqual(problems({ 'profiles/worker.yaml': text }), expected);
  });
}

const MACHINES: readonly [what: string, text: string, ...expected: string[]][] = [
  [
    'a bad MAC address',
    'machines:\n  - mac: 52:54:00:12:34\n',
    'config/machines/rack.yaml:2: machines[0].mac: "52:54:00:12:34" is not a MAC address (expected for example 52:54:00:12:34:56)',
  ],
  [
    'a bad host name',
    'machines:\n  - mac: 52:54:00:12:34:56\n    hostname: worker.example\n',
    'config/machines/rack.yaml:3: machines[0].hostname: "worker.example" is not a host name of lower-case letters, digits and hyphens (expected for example worker-01)',
  ],
  [
    'a profile that does not exist and a loader outside its folder',
    'machines:\n  - mac: 52:54:00:12:34:56\n    profile: storage\n    loader: ..\\x\n',
    'config/machines/rack.yaml:3: machines[0].profile: there is no profile storage (expected one of worker)',
    'config/machines/rack.yaml:4: machines[0].loader: "..\\\\x" is not a path of a loader file inside its folder (expected for example undionly.kpxe)',
  ],
  [
    'a label that is a number',
    'machines:\n  - mac: 52:54:00:12:34:56\n    labels: { rack: 07 }\n',
    'config/machines/rack.yaml:3: machines[0].labels.rack: 7 is not text (expected quotes around it)',
  ],
  [
    'addresses that can not be reserved',
    `machines:
  - { mac: "52:54:00:00:00:01", address: 10.0.0.1 }
  - { mac: "52:54:00:00:00:02", address: 192.168.0.254 }
  - { mac: "52:54:00:00:00:03", address: 192.168.0.255 }
`,
    'config/machines/rack.yaml:2: machines[0].address: 10.0.0.1 is outside every network (expected an address in 192.168.0.0/24)',
    'config/machines/rack.yaml:3: machines[1].address: 192.168.0.254 is our own address on kubernetes1',
    'config/machines/rack.yaml:4: machines[2].address: 192.168.0.255 is the broadcast address',
  ],
  [
    'what another machine has too',
    `machines:
  - { mac: "52:54:00:00:00:01", hostname: one, address: 192.168.0.7 }
  - { mac: "52-54-00-00-00-01", hostname: one, address: 192.168.0.7 }
`,
    'config/machines/rack.yaml:3: machines[1].mac: 52:54:00:00:00:01 is given twice, also to machines[0] in machines/rack.yaml:2',
    'config/machines/rack.yaml:3: machines[1].hostname: one is given twice, also to machines[0] in machines/rack.yaml:2',
    'config/machines/rack.yaml:3: machines[1].address: 192.168.0.7 is given twice, also to machines[0] in machines/rack.yaml:2',
  ],
];

for (const [what, text, ...expected] of MACHINES) {
  test(`a machine with ${what} is refused with its place`, (t) => {
    t.deepEqual(problems({ 'machines/rack.yaml': text }), expected);
  });
}

test('a machine in two files is refused, and both places are named', (t) => {
  const machine = 'machines:\n  - mac: 52:54:00:00:00:01\n';
  t.deepEqual(problems({ 'machines/a.yaml': machine, 'machines/b.yaml': `# rack b\n\n${machine}` }), [
    'config/machines/b.yaml:4: machines[0].mac: 52:54:00:00:00:01 is given twice, also to machines[0] in machines/a.yaml:2',
  ]);
});

test('a broken file hides no problem of another, and a broken network no problem of the next', (t) => {
  const found = problems({
    'rackseed.yaml': `networks:
  - name: broken
  - name: b
    interface: eth1
    address: 10.0.0.1/24
    dhcp: { mode: authoritative, range: 10.0.0.1-10.0.0.9, foo: 1 }
default_profile: worker
`,
    'profiles/worker.yaml': 'boot: [',
    'machines/a.yaml': 'machines:\n  - mac: x\n  - { mac: "52:54:00:00:00:01", profile: nope, bar: 1 }\n',
  });
  t.deepEqual(
    found.map((line) => line.replace(/ \(expected.*/, '')),
    [
      'config/machines/a.yaml:2: machines[0].mac: "x" is not a MAC address',
      'config/machines/a.yaml:3: machines[1].bar: unknown key',
      'config/machines/a.yaml:3: machines[1].profile: there is no profile nope',
      'config/profiles/worker.yaml:1: is not valid YAML: unexpected end of the stream within a flow collection',
      'config/rackseed.yaml:2: networks[0].interface: is missing',
      'config/rackseed.yaml:2: networks[0].address: is missing',
      'config/rackseed.yaml:2: networks[0].dhcp: is missing',
      'config/rackseed.yaml:6: networks[1].dhcp.foo: unknown key',
      'config/rackseed.yaml:6: networks[1].dhcp.range: 10.0.0.1-10.0.0.9 holds our own address, 10.0.0.1',
    ],
  );
});

for (const listen of [
  '127.0.0.1:9080',
  'localhost:80',
  '[::1]:9080',
  'unix:/run/x.sock',
  '0.0.0.0:443',
  '[::]:1',
]) {
  test(`the admin app may listen on ${listen}`, (t) => {
    t.deepEqual(problems({ 'rackseed.yaml': `${RACKSEED}admin: { listen: "${listen}" }\n` }), []);
  });
}
