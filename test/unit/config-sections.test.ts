import test from 'ava';
import fc from 'fast-check';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { check, good, PROFILE, problems, RACKSEED } from '../support/config.ts';
import { subnet } from '../support/dhcp.ts';

const CLUSTER = 'kubernetes: { server: "https://192.168.0.254:6443", ca: pki/ca.crt, ca_key: pki/ca.key }\n';

test('the cluster is read, and absent keys mean what the schema says', (t) => {
  t.is(good({}).kubernetes, undefined);
  t.deepEqual(good({ 'rackseed.yaml': RACKSEED + CLUSTER }).kubernetes, {
    server: 'https://192.168.0.254:6443',
    ca: '/etc/rackseed/pki/ca.crt',
    caKey: '/etc/rackseed/pki/ca.key',
    join: 'certificate',
    certificateLifetime: 30 * 86400,
    keyType: 'ecdsa',
    clusterDns: [parseIpv4('10.96.0.10')],
    clusterDomain: 'cluster.local',
    podSubnet: subnet('10.244.0.0/16'),
    serviceSubnet: subnet('10.96.0.0/12'),
  });
  const written = `kubernetes:
  server: https://master.example:6443/
  ca: /pki/ca.crt
  join: token
  kubeconfig: /etc/rackseed/kubeconfig
  certificate_lifetime: 1h
  key_type: rsa
  cluster_dns: [10.3.0.10]
  cluster_domain: k.example
  pod_subnet: 10.2.0.0/16
  service_subnet: 10.3.0.0/24
`;
  t.deepEqual(good({ 'rackseed.yaml': RACKSEED + written }).kubernetes, {
    server: 'https://master.example:6443',
    ca: '/pki/ca.crt',
    join: 'token',
    kubeconfig: '/etc/rackseed/kubeconfig',
    certificateLifetime: 3600,
    keyType: 'rsa',
    clusterDns: [parseIpv4('10.3.0.10')],
    clusterDomain: 'k.example',
    podSubnet: subnet('10.2.0.0/16'),
    serviceSubnet: subnet('10.3.0.0/24'),
  });
});

test('the sections of a profile are read, and absent keys mean what the schema says', (t) => {
  const { profiles } = good({
    'rackseed.yaml': RACKSEED + CLUSTER,
    'profiles/worker.yaml': `${PROFILE}docker_disk: {}\nkubernetes: {}\n`,
    'profiles/other.yaml': `boot:
  image: fedora-coreos/44
  kernel: k
  initrd: i
  rootfs: r
docker_disk:
  device: "{{ machine.labels.disk | default: 'auto' }}"
  minimum_size: 20GiB
  filesystem: xfs
  label: NODE
  directories: [/var/lib/containerd]
  wait: 1m
kubernetes:
  role: worker
  kubelet: { source: assets, version: v1.36.2 }
  labels: { rack: "{{ machine.labels.rack }}", node.kubernetes.io/pool: "", topology.kubernetes.io/zone: a }
  taints: ["dedicated=storage:NoSchedule", "example.com/x:NoExecute", "{{ machine.labels.taint }}"]
  config: { maxPods: 200 }
ignition: { storage: { files: [{ path: /a, mode: 0644 }, { path: /b, mode: 420 }] } }
`,
  });
  const worker = profiles.get('worker');
  t.deepEqual(worker?.dockerDisk, {
    device: 'auto',
    minimumSize: 1073741824,
    filesystem: 'ext4',
    label: 'DOCKER_DATA',
    directories: ['/var/lib/docker', '/var/lib/containerd', '/var/lib/kubelet', '/var/log/pods'],
    wait: 30,
  });
  t.deepEqual(worker?.kubernetes, {
    role: 'worker',
    kubelet: { source: 'image' },
    labels: {},
    taints: [],
    config: {},
  });
  const other = profiles.get('other');
  t.deepEqual(other?.boot, {
    kind: 'image',
    image: 'fedora-coreos/44',
    kernel: 'k',
    initrds: ['i'],
    rootfs: 'r',
    args: [],
    document: 'ignition',
    secrets: 'https',
  });
  t.deepEqual(other?.dockerDisk, {
    device: "{{ machine.labels.disk | default: 'auto' }}",
    minimumSize: 20 * 1024 ** 3,
    filesystem: 'xfs',
    label: 'NODE',
    directories: ['/var/lib/containerd'],
    wait: 60,
  });
  t.deepEqual(other?.kubernetes, {
    role: 'worker',
    kubelet: { source: 'assets', version: 'v1.36.2' },
    labels: {
      rack: '{{ machine.labels.rack }}',
      'node.kubernetes.io/pool': '',
      'topology.kubernetes.io/zone': 'a',
    },
    taints: ['dedicated=storage:NoSchedule', 'example.com/x:NoExecute', '{{ machine.labels.taint }}'],
    config: { maxPods: 200 },
  });
  // 0644 was meant as octal digits, which Ignition takes as the number 420.
  t.deepEqual(other?.ignition, {
    storage: {
      files: [
        { path: '/a', mode: 420 },
        { path: '/b', mode: 420 },
      ],
    },
  });
});

for (const [image, document] of [
  ['flatcar/4593.2.5', 'cloud-config'],
  ['coreos/1185.3.0', 'cloud-config'],
  ['fedora-coreos/44', 'ignition'],
  ['ubuntu/26.04', 'cloud-init'],
  ['debian', 'cloud-init'],
  ['mine/1', 'cloud-config'],
] as const) {
  test(`an image below ${image} reads ${document} unless the profile says otherwise`, (t) => {
    const boot = (more: string) =>
      good({
        'profiles/worker.yaml': `boot: { image: ${image}, kernel: k, initrd: [i, r]${more} }`,
      }).profiles.get('worker')?.boot;
    t.like(boot(''), { document });
    if (document === 'cloud-config') t.like(boot(', document: cloud-config'), { document: 'cloud-config' });
  });
}

const CLUSTERS: readonly [what: string, text: string, ...expected: string[]][] = [
  [
    'nothing in it',
    'kubernetes: {}\n',
    'config/rackseed.yaml:9: kubernetes.server: is missing (expected a server address beginning with https:// such as https://192.168.0.254:6443)',
    'config/rackseed.yaml:9: kubernetes.ca: is missing (expected a file such as /etc/kubernetes/pki/ca.crt)',
  ],
  [
    'no key to issue certificates with',
    'kubernetes:\n  server: https://a:6443\n  ca: /ca.crt\n',
    "config/rackseed.yaml:9: kubernetes.ca_key: is missing, but join is certificate (expected the file with the CA's key, or join: token)",
  ],
  [
    'no way to make tokens, and too short a lifetime',
    'kubernetes:\n  server: https://a:6443\n  ca: /ca.crt\n  join: token\n  certificate_lifetime: 5m\n',
    'config/rackseed.yaml:9: kubernetes.kubeconfig: is missing, but join is token (expected a kubeconfig that may make bootstrap tokens)',
    'config/rackseed.yaml:13: kubernetes.certificate_lifetime: is too short for a boot (expected at least 10m)',
  ],
  [
    'a server without TLS, and words that mean nothing',
    'kubernetes:\n  server: http://a:6443\n  ca: /ca.crt\n  ca_key: /ca.key\n  join: magic\n  key_type: dsa\n  cluster_dns: []\n',
    'config/rackseed.yaml:10: kubernetes.server: "http://a:6443" is not a server address beginning with https:// (expected for example https://192.168.0.254:6443)',
    'config/rackseed.yaml:13: kubernetes.join: "magic" is not allowed (expected one of certificate, token)',
    'config/rackseed.yaml:14: kubernetes.key_type: "dsa" is not allowed (expected one of ecdsa, rsa)',
    'config/rackseed.yaml:15: kubernetes.cluster_dns: is an empty list (expected at least one entry)',
  ],
];

for (const [what, text, ...expected] of CLUSTERS) {
  test(`a cluster with ${what} is refused with its place`, (t) => {
    t.deepEqual(problems({ 'rackseed.yaml': RACKSEED + text }), expected);
  });
}

const role = 'node-role.kubernetes.io/worker';

const SECTIONS: readonly [what: string, text: string, ...expected: string[]][] = [
  [
    'a release of Fedora CoreOS whose files it does not name',
    'boot:\n  image: fedora-coreos/44\n',
    'config/profiles/worker.yaml:1: boot.kernel: is missing (expected the name of the kernel, which changes with every release)',
    'config/profiles/worker.yaml:1: boot.initrd: is missing (expected the name of the initramfs, which changes with every release)',
  ],
  [
    'Fedora CoreOS without its root file system',
    'boot:\n  image: fedora-coreos/44\n  kernel: k\n  initrd: i\n',
    'config/profiles/worker.yaml:1: boot.rootfs: is missing (expected the name of the rootfs, which changes with every release, or that file as a second initrd)',
  ],
  [
    'labels and taints that would end the kubelet',
    `${PROFILE}kubernetes:
  labels:
    ${role}: ""
    kubernetes.io/rack: a
    foo.k8s.io/x: a
    node-restriction.kubernetes.io/x: a
    kubernetes.io/hostname: fine
    x.node.kubernetes.io/y: fine
    a/b/c: x
    -a: x
    rack: a b
    size: 3
  taints: [a, "a:Never", "a b:NoExecute", "a=b c:NoExecute"]
`,
    `config/profiles/worker.yaml:4: kubernetes.labels["${role}"]: ends the kubelet: a node may not give itself a role (expected role instead)`,
    ...['kubernetes.io/rack', 'foo.k8s.io/x', 'node-restriction.kubernetes.io/x'].map(
      (key, index) =>
        `config/profiles/worker.yaml:${5 + index}: kubernetes.labels["${key}"]: ends the kubelet: a node may not label itself so (expected a key outside kubernetes.io and k8s.io, or in kubelet.kubernetes.io or node.kubernetes.io)`,
    ),
    'config/profiles/worker.yaml:10: kubernetes.labels["a/b/c"]: "a/b/c" is no key of a label (expected name or example.com/name)',
    'config/profiles/worker.yaml:11: kubernetes.labels["-a"]: "-a" is no key of a label (expected name or example.com/name)',
    'config/profiles/worker.yaml:12: kubernetes.labels.rack: "a b" is no value of a label (expected at most 63 letters, digits, dots, hyphens and underscores between letters or digits)',
    'config/profiles/worker.yaml:13: kubernetes.labels.size: 3 is not text (expected quotes around it)',
    'config/profiles/worker.yaml:14: kubernetes.taints[0]: "a" is no taint (expected key=value:Effect or key:Effect)',
    'config/profiles/worker.yaml:14: kubernetes.taints[1]: "Never" is no effect of a taint (expected one of NoSchedule, PreferNoSchedule, NoExecute)',
    'config/profiles/worker.yaml:14: kubernetes.taints[2]: "a b" is no key of a label (expected name or example.com/name)',
    'config/profiles/worker.yaml:14: kubernetes.taints[3]: "b c" is no value of a label (expected at most 63 letters, digits, dots, hyphens and underscores between letters or digits)',
  ],
  [
    'a controller with what kubeadm configures',
    `${PROFILE}kubernetes:\n  role: controller\n  taints: ["a:NoSchedule"]\n  config: { maxPods: 200 }\n`,
    "config/profiles/worker.yaml:4: kubernetes.taints: belongs into /etc/kubernetes/kubeadm.yaml: kubeadm configures a controller's kubelet",
    "config/profiles/worker.yaml:5: kubernetes.config: belongs into /etc/kubernetes/kubeadm.yaml: kubeadm configures a controller's kubelet",
  ],
  [
    'a kubelet from nowhere',
    `${PROFILE}kubernetes:\n  kubelet: { source: assets }\n  config: [a]\n`,
    'config/profiles/worker.yaml:3: kubernetes.kubelet.version: is missing (expected a version of Kubernetes such as v1.36.2)',
    'config/profiles/worker.yaml:4: kubernetes.config: a list is not a mapping',
  ],
  [
    'versions that are none',
    `${PROFILE}kubernetes:\n  kubelet: { source: sysext, version: "1.36" }\n`,
    'config/profiles/worker.yaml:3: kubernetes.kubelet.version: "1.36" is not a version of Kubernetes (expected for example v1.36.2)',
  ],
  [
    "a version of the image's own kubelet",
    `${PROFILE}kubernetes:\n  kubelet: { source: image, version: v1.36.2 }\n`,
    "config/profiles/worker.yaml:3: kubernetes.kubelet.version: has no meaning for the image's own kubelet",
  ],
  [
    'a disk that can not be',
    `${PROFILE}docker_disk:
  device: /etc/passwd
  filesystem: ntfs
  label: "a b"
  directories: [/usr/lib/x, ../y, "/a b"]
  wait: 1h
  minimum_size: big
`,
    'config/profiles/worker.yaml:3: docker_disk.device: "/etc/passwd" is not a disk (expected for example auto, largest, serial:S4EVNX0, /dev/disk/by-id/…)',
    'config/profiles/worker.yaml:4: docker_disk.filesystem: "ntfs" is not allowed (expected one of ext4, xfs, btrfs)',
    'config/profiles/worker.yaml:5: docker_disk.label: "a b" is not a label of letters, digits, dots, hyphens and underscores, at most 16 (expected for example DOCKER_DATA)',
    ...[0, 1, 2].map(
      (index) =>
        `config/profiles/worker.yaml:6: docker_disk.directories[${index}]: ${JSON.stringify(['/usr/lib/x', '../y', '/a b'][index])} is not an absolute path of letters, digits, dots, hyphens and underscores, outside /usr (expected for example /var/lib/docker)`,
    ),
    'config/profiles/worker.yaml:7: docker_disk.wait: is out of range (expected from 1s to 3m)',
    'config/profiles/worker.yaml:8: docker_disk.minimum_size: "big" is not a size (expected for example 20GiB or a number of bytes)',
  ],
  [
    'pieces of Ignition that it does not know, and placeholders nothing can fill',
    `${PROFILE}ignition:\n  storrage: {}\n  storage: { files: [{ path: "{{ machine.nam }}" }] }\ncloud_init:\n  runcmd: ["{{ x }}"]\n`,
    'config/profiles/worker.yaml:3: ignition.storrage: unknown key, did you mean storage? (expected one of ignition, kernelArguments, passwd, storage, systemd)',
    'config/profiles/worker.yaml:4: ignition.storage.files[0].path: machine.nam is no variable, did you mean machine.mac? (expected one of machine.mac, machine.hostname, machine.index, machine.address, machine.labels, machine.uuid, machine.serial, machine.manufacturer, machine.product, machine.asset)',
    'config/profiles/worker.yaml:6: cloud_init.runcmd[0]: x is no variable (expected machine, network, server, profile, boot, mirror, proxy, ntp, resolver, or {% raw %}…{% endraw %} around braces that are not a placeholder)',
  ],
];

for (const [what, text, ...expected] of SECTIONS) {
  test(`a profile with ${what} is refused with its place`, (t) => {
    const files = { 'rackseed.yaml': RACKSEED + CLUSTER, 'profiles/worker.yaml': text };
    t.deepEqual(problems(files), expected);
  });
}

test('a node needs a cluster to join', (t) => {
  t.deepEqual(problems({ 'profiles/worker.yaml': `${PROFILE}kubernetes: { role: worker }\n` }), [
    'config/profiles/worker.yaml:2: kubernetes: needs a cluster to join (expected a kubernetes section in rackseed.yaml)',
  ]);
});

test('what the format of an image can not express is refused where it was written', (t) => {
  t.deepEqual(
    problems({
      'profiles/base.yaml': 'cloud_config:\n  coreos:\n    fleet: { metadata: a=b }\n',
      'profiles/worker.yaml': 'extends: base\nboot: { image: fedora-coreos/44, kernel: k, initrd: [i, r] }\n',
    }),
    [
      'config/profiles/base.yaml:3: cloud_config.coreos.fleet: Fedora CoreOS has nothing that reads this; write its own files and units',
    ],
  );
});

test('no value in any place of a profile makes the check fail, and each is refused or accepted', (t) => {
  const sections = ['boot', 'docker_disk', 'kubernetes', 'cloud_config', 'ignition', 'cloud_init', 'extends'];
  const keys = fc.constantFrom(
    ...['image', 'local_disk', 'kernel', 'initrd', 'document', 'device', 'label', 'wait', 'directories'],
    ...['kubelet', 'source', 'version', 'labels', 'taints', 'config', 'users', 'write_files', 'path', 'name'],
    ...[
      'content',
      'permissions',
      'coreos',
      'units',
      'drop_ins',
      'update',
      'storage',
      'files',
      'mode',
      'runcmd',
    ],
  );
  const words = fc.constantFrom(
    'a',
    '/a',
    '0644',
    'ignition',
    'cloud-init',
    'flatcar/1',
    'assets',
    '{{ x',
    '',
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      words,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...sections), value),
      fc.constantFrom(...sections),
      (profile, section) => {
        const worker = { boot: { image: 'flatcar/1' }, ...profile };
        const base = { [section]: profile[section] ?? null };
        const result = check({
          'rackseed.yaml': RACKSEED + CLUSTER,
          'profiles/worker.yaml': JSON.stringify({ ...worker, extends: 'base' }),
          'profiles/base.yaml': JSON.stringify(base),
        });
        return result.ok || result.problems.length > 0;
      },
    ),
    { numRuns: 300 },
  );
  t.pass();
});
