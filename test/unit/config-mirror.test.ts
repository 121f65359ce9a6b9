import test from 'ava';
import { good, problems, RACKSEED } from '../support/config.ts';
import { subnet } from '../support/dhcp.ts';

const read = (section: string) => good({ 'rackseed.yaml': RACKSEED + section });
const refused = (section: string) => problems({ 'rackseed.yaml': RACKSEED + section });
const GIB = 1024 ** 3;

test('a mirror needs registries with their ports only, and answers for the only network', (t) => {
  t.is(read('').mirror, undefined);
  const section =
    'mirror: { registries: [{ name: docker.io, port: 5000 }, { name: quay.io, port: 5001 }] }\n';
  t.deepEqual(read(section).mirror, {
    network: 'kubernetes1',
    registries: [
      { name: 'docker.io', port: 5000, url: 'https://registry-1.docker.io' },
      { name: 'quay.io', port: 5001, url: 'https://quay.io' },
    ],
    size: 50 * GIB,
    directory: '/var/lib/rackseed/mirror',
  });
});

test('a registry of one’s own has a URL, and a user whose password is in a file', (t) => {
  const section = `mirror:
  size: 2GiB
  registries:
    - { name: "registry.lab:5000", port: 5009, url: "https://10.0.0.9:5000/", username: puller, password_file: pull.secret }
`;
  t.like(read(section).mirror, {
    size: 2 * GIB,
    registries: [
      {
        name: 'registry.lab:5000',
        port: 5009,
        url: 'https://10.0.0.9:5000',
        login: { username: 'puller', passwordFile: '/etc/rackseed/pull.secret' },
      },
    ],
  });
});

const WRONG_MIRRORS: readonly [what: string, section: string, complaint: RegExp][] = [
  ['mirrors nothing', 'mirror: { registries: [] }\n', /mirror\.registries: is an empty list/],
  [
    'has no port',
    'mirror: { registries: [{ name: docker.io }] }\n',
    /mirror\.registries\[0\]\.port: is missing \(expected a whole number from 1024 to 65535\)/,
  ],
  [
    'has a port that needs root',
    'mirror: { registries: [{ name: docker.io, port: 500 }] }\n',
    /mirror\.registries\[0\]\.port: 500 is not a whole number from 1024/,
  ],
  [
    'has the port of another',
    'mirror: { registries: [{ name: docker.io, port: 5000 }, { name: quay.io, port: 5000 }] }\n',
    /rackseed\.yaml:9: mirror\.registries\[1\]\.port: 5000 is the port of mirror\.registries\[0\] too/,
  ],
  [
    'is given twice',
    'mirror: { registries: [{ name: quay.io, port: 5000 }, { name: quay.io, port: 5001 }] }\n',
    /mirror\.registries\[1\]\.name: quay\.io is mirror\.registries\[0\] too/,
  ],
  [
    'is of a registry with a folder',
    'mirror: { registries: [{ name: docker.io/library, port: 5000 }] }\n',
    /mirror\.registries\[0\]\.name: "docker\.io\/library" is not a name of a registry/,
  ],
  [
    'has a password in its URL',
    'mirror: { registries: [{ name: a.example, port: 5000, url: "https://me:hunter2@a.example" }] }\n',
    /mirror\.registries\[0\]\.url: has a user name or a password in it \(expected a URL without, and username/,
  ],
  [
    'has a folder in its URL',
    'mirror: { registries: [{ name: a.example, port: 5000, url: "https://a.example/v2" }] }\n',
    /mirror\.registries\[0\]\.url: has something behind the host/,
  ],
  [
    'has a user without a password',
    'mirror: { registries: [{ name: a.example, port: 5000, username: me }] }\n',
    /mirror\.registries\[0\]\.password_file: is missing, but there is a username/,
  ],
  [
    'has a password file that is not there',
    'mirror: { registries: [{ name: a.example, port: 5000, username: me, password_file: /missing }] }\n',
    /mirror\.registries\[0\]\.password_file: \/missing can't be read or is empty/,
  ],
  [
    'would send a password without TLS',
    'mirror: { registries: [{ name: a.example, port: 5000, url: "http://a.example", username: me, password_file: a.secret }] }\n',
    /mirror\.registries\[0\]\.url: would send the password over the network as it is/,
  ],
  [
    'is for a network that is not there',
    'mirror: { network: other, registries: [{ name: quay.io, port: 5000 }] }\n',
    /mirror\.network: there is no network other \(expected one of kubernetes1\)/,
  ],
  [
    'may keep too little',
    'mirror: { size: 1MiB, registries: [{ name: quay.io, port: 5000 }] }\n',
    /mirror\.size: is too little for images/,
  ],
];

for (const [what, section, complaint] of WRONG_MIRRORS) {
  test(`a mirror that ${what} is refused with its place, and nothing secret is repeated`, (t) => {
    const found = refused(section);
    t.is(found.length, 1, found.join('\n'));
    t.regex(found[0] ?? '', complaint);
    t.notRegex(found[0] ?? '', /hunter2/);
  });
}

test('beside several networks a mirror says whose it is, and its ports are no others of that network', (t) => {
  const second = RACKSEED.replace(
    'default_profile',
    `  - name: blue
    interface: eth2
    address: 10.0.0.1/24
    http: { port: 8080 }
    dhcp: { mode: authoritative, range: 10.0.0.2-10.0.0.9 }
default_profile`,
  );
  const mirror = (key: string) => ({
    'rackseed.yaml': `${second}mirror: { ${key}registries: [{ name: quay.io, port: 8080 }] }\n`,
  });
  t.regex(
    problems(mirror('')).join(),
    /mirror\.network: is missing beside several networks \(expected one of kubernetes1, blue\)/,
  );
  t.regex(problems(mirror('network: blue, ')).join(), /port: machines of blue fetch other things at 8080/);
  t.is(good(mirror('network: kubernetes1, ')).mirror?.network, 'kubernetes1');
});

test('this host, its networks and the cluster are reached without a proxy, besides what is named', (t) => {
  const cluster = `kubernetes: { server: "https://master.example:6443", ca: ca.crt, ca_key: ca.key, cluster_domain: k.example, pod_subnet: 10.2.0.0/16 }\n`;
  const section = 'proxy: { https: "http://10.0.0.3:3128/", no_proxy: [localhost, .corp.example] }\n';
  const relayed = RACKSEED.replace(
    'default_profile',
    '    relayed: [{ subnet: 10.1.0.0/24, range: 10.1.0.10-10.1.0.20 }]\ndefault_profile',
  );
  const { proxy, kubernetes } = good({ 'rackseed.yaml': relayed + cluster + section });
  t.deepEqual(proxy, {
    https: 'http://10.0.0.3:3128',
    noProxy: [
      'localhost',
      '127.0.0.0/8',
      '::1',
      '192.168.0.254',
      '192.168.0.0/24',
      '10.1.0.0/24',
      'master.example',
      '10.2.0.0/16',
      '10.96.0.0/12',
      '.svc',
      '.k.example',
      '.corp.example',
    ],
  });
  t.deepEqual(kubernetes?.podSubnet, subnet('10.2.0.0/16'));
});

const WRONG_PROXIES: readonly [what: string, section: string, complaint: RegExp][] = [
  ['is none', 'proxy: {}\n', /proxy: is an empty mapping/],
  [
    'is no URL',
    'proxy: { http: proxy.example:3128 }\n',
    /proxy\.http: "proxy\.example:3128" is not a web address/,
  ],
  [
    'has a password',
    'proxy: { http: "http://me:hunter2@proxy.example" }\n',
    /proxy\.http: has a user name or a password in it, which every machine would be told/,
  ],
  [
    'has a folder',
    'proxy: { https: "http://proxy.example/a" }\n',
    /proxy\.https: is more than a host and a port/,
  ],
  [
    'is told what no list can hold',
    'proxy: { http: "http://p.example", no_proxy: ["a,b"] }\n',
    /proxy\.no_proxy\[0\]: "a,b" is not a host, domain or network/,
  ],
];

for (const [what, section, complaint] of WRONG_PROXIES) {
  test(`a proxy that ${what} is refused with its place, and nothing secret is repeated`, (t) => {
    const found = refused(section);
    t.is(found.length, 1, found.join('\n'));
    t.regex(found[0] ?? '', complaint);
    t.notRegex(found[0] ?? '', /hunter2/);
  });
}

test('a profile names archives below assets, each once', (t) => {
  const profile = (list: string) => ({
    'profiles/worker.yaml': `boot: { image: flatcar/1 }\npreload: ${list}\n`,
  });
  t.deepEqual(good(profile('[preload/a.tar, b.tar]')).profiles.get('worker')?.preload, [
    'preload/a.tar',
    'b.tar',
  ]);
  t.regex(
    problems(profile('[../a.tar]')).join(),
    /preload\[0\]: "\.\.\/a\.tar" is not a path of an archive inside its folder/,
  );
  t.regex(problems(profile('[a.tar, a.tar]')).join(), /preload: holds the same value twice/);
  t.regex(problems(profile('[]')).join(), /preload: is an empty list/);
});
