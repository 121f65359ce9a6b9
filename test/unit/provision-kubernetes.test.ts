import test from 'ava';
import { load } from 'js-yaml';
import type { ProfileKubernetes } from '../../src/config/config.ts';
import type { JoinMaterial } from '../../src/provision/join.ts';
import { checkKubernetes, expandKubernetes } from '../../src/provision/kubernetes.ts';
import { JOIN, KUBERNETES, TOKEN_JOIN } from '../support/profiles.ts';
import { VARIABLES } from '../support/variables.ts';

/** What a section expands to, by path and name. */
function expand(section: Partial<ProfileKubernetes> = {}, join: JoinMaterial = JOIN) {
  const { files, units } = expandKubernetes({ ...KUBERNETES, ...section }, VARIABLES, join);
  const file = (path: string) => files.find((one) => one.path === path);
  const unit = (name: string) => units.find((one) => one.name === name);
  return {
    files,
    file,
    text: (path: string) => Buffer.from(file(path)?.content ?? []).toString(),
    names: units.map(({ name }) => name),
    unit,
    /** The kubelet's command, split. */
    kubelet: () =>
      (/^ExecStart=([\s\S]*?[^\\])$/m.exec(unit('kubelet.service')?.content ?? '')?.[1] ?? '').split(
        / \\\n {2}/,
      ),
  };
}

test('a worker with a certificate: its kubeconfig is for root only, and what the kubelet reads', (t) => {
  const { file, text, kubelet } = expand();
  t.is(text('/etc/kubernetes/kubeconfig'), JOIN.kubeconfig);
  t.like(file('/etc/kubernetes/kubeconfig'), { permissions: '0600', secret: true });
  t.is(text('/etc/kubernetes/pki/ca.crt'), JOIN.caPem);
  t.deepEqual(kubelet(), [
    '/opt/bin/kubelet',
    '--config=/etc/kubernetes/kubelet.yaml',
    '--kubeconfig=/etc/kubernetes/kubeconfig',
    '--hostname-override=worker-01',
    '$KUBELET_EXTRA_ARGS',
  ]);
});

test('a worker with a token: the kubelet makes its kubeconfig of it', (t) => {
  const { file, kubelet } = expand({}, TOKEN_JOIN);
  t.like(file('/etc/kubernetes/bootstrap-kubeconfig'), { permissions: '0600', secret: true });
  t.is(file('/etc/kubernetes/kubeconfig'), undefined);
  t.deepEqual(kubelet().slice(1, 4), [
    '--config=/etc/kubernetes/kubelet.yaml',
    '--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubeconfig',
    '--kubeconfig=/var/lib/kubelet/kubeconfig',
  ]);
});

test('without what it joins with, a description holds no secrets', (t) => {
  const { files } = expandKubernetes(KUBERNETES, VARIABLES);
  t.false(files.some(({ secret }) => secret));
  t.false(files.some(({ path }) => path === '/etc/kubernetes/pki/ca.crt'));
});

test('the KubeletConfiguration of a worker', (t) => {
  t.deepEqual(
    load(
      expand({ taints: ['dedicated=storage:NoSchedule', 'gpu:NoExecute'] }).text(
        '/etc/kubernetes/kubelet.yaml',
      ),
    ),
    {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: '/etc/kubernetes/pki/ca.crt' },
      },
      authorization: { mode: 'Webhook' },
      cgroupDriver: 'systemd',
      clusterDNS: ['10.96.0.10'],
      clusterDomain: 'cluster.local',
      containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
      failSwapOn: true,
      readOnlyPort: 0,
      registerWithTaints: [
        { key: 'dedicated', value: 'storage', effect: 'NoSchedule' },
        { key: 'gpu', effect: 'NoExecute' },
      ],
      resolvConf: '/run/systemd/resolve/resolv.conf',
      rotateCertificates: true,
      serverTLSBootstrap: false,
      staticPodPath: '/etc/kubernetes/manifests',
      volumePluginDir: '/var/lib/kubelet/volumeplugins',
    },
  );
});

test("a profile's config is put over it: maps key by key, anything else as a whole", (t) => {
  const config = {
    authentication: { anonymous: { enabled: true } },
    clusterDNS: ['10.0.0.1'],
    evictionHard: { 'memory.available': '5%' },
  };
  t.like(load(expand({ config }).text('/etc/kubernetes/kubelet.yaml')), {
    authentication: { anonymous: { enabled: true }, webhook: { enabled: true } },
    clusterDNS: ['10.0.0.1'],
    evictionHard: { 'memory.available': '5%' },
  });
});

test('serving certificates are asked for where this service can approve them', (t) => {
  const { text } = expand({}, TOKEN_JOIN);
  t.like(load(text('/etc/kubernetes/kubelet.yaml')), { serverTLSBootstrap: true });
});

test('labels are given to the kubelet, taints in its configuration', (t) => {
  const { kubelet } = expand({ labels: { rack: 'r1', 'example.com/disk': 'ssd' } });
  t.true(kubelet().includes('--node-labels=rack=r1,example.com/disk=ssd'));
});

/** Flags that every kubelet from 1.30 to 1.36 has, for what its configuration file can't say. */
const FLAGS = new Set([
  '--config',
  '--kubeconfig',
  '--bootstrap-kubeconfig',
  '--hostname-override',
  '--node-labels',
]);

for (const role of ['worker', 'controller'] as const) {
  test(`the kubelet of a ${role} gets only flags that kubelets 1.30 to 1.36 have`, (t) => {
    const flags = expand({ role, labels: { a: 'b' } }, TOKEN_JOIN)
      .kubelet()
      .filter((word) => word.startsWith('--'))
      .map((word) => word.split('=')[0] ?? '');
    t.true(flags.length >= 5);
    t.deepEqual(
      flags.filter((flag) => !FLAGS.has(flag)),
      [],
    );
  });
}

const SOURCES: readonly [
  kubelet: ProfileKubernetes['kubelet'],
  role: ProfileKubernetes['role'],
  program: string,
  downloads: string | undefined,
][] = [
  [{ source: 'image' }, 'worker', 'kubelet', undefined],
  [{ source: 'assets', version: 'v1.36.2' }, 'worker', '/opt/bin/kubelet', 'kubelet cni-plugins.tgz'],
  [
    { source: 'assets', version: 'v1.36.2' },
    'controller',
    '/opt/bin/kubelet',
    'kubelet kubeadm kubectl cni-plugins.tgz',
  ],
  [{ source: 'sysext', version: 'v1.36.2' }, 'worker', 'kubelet', 'kubernetes.raw'],
];

for (const [kubelet, role, program, downloads] of SOURCES) {
  const what = `the kubelet of a ${role} from ${kubelet.source}`;
  test(`${what} ${downloads ? `waits for the download of ${downloads}` : 'waits for no download'}`, (t) => {
    const { unit, names, kubelet: command } = expand({ kubelet, role });
    const content = unit('kubelet.service')?.content ?? '';
    t.is(command()[0], program);
    const download = unit('rackseed-download-kubernetes.service');
    if (downloads === undefined) {
      t.is(download, undefined);
      t.notRegex(content, /^Requires=/m);
      return;
    }
    t.true(
      download?.content?.includes(
        `ExecStart=/opt/bin/rackseed-download-kubernetes http://192.168.0.254/assets/kubernetes/v1.36.2 ${downloads}\n`,
      ),
    );
    t.regex(
      content,
      /^Requires=rackseed-download-kubernetes\.service\nAfter=rackseed-download-kubernetes\.service$/m,
    );
    t.true(names.indexOf('rackseed-download-kubernetes.service') < names.indexOf('kubelet.service'));
  });
}

test("a kubelet package's own arguments give way", (t) => {
  for (const kubelet of [{ source: 'image' }, { source: 'sysext', version: 'v1.36.2' }] as const) {
    const dropIns = expand({ kubelet }).unit('kubelet.service')?.dropIns;
    t.deepEqual(dropIns, [{ name: '10-kubeadm.conf', content: '# The arguments are in kubelet.service.\n' }]);
  }
  t.is(expand({ kubelet: { source: 'image' } }).unit('kubelet.service')?.command, 'restart');
});

test('a controller is made by kubeadm, with the configuration that the profile writes', (t) => {
  const { files, unit, kubelet } = expand({ role: 'controller' });
  t.false(files.some(({ secret }) => secret));
  t.regex(
    unit('rackseed-kubeadm.service')?.content ?? '',
    /^ExecStart=\/opt\/bin\/rackseed-kubeadm \/etc\/kubernetes\/kubeadm.yaml$/m,
  );
  t.true(kubelet().includes('--config=/var/lib/kubelet/config.yaml'));
  t.true(kubelet().includes('$KUBELET_KUBEADM_ARGS'));
});

test("a controller's kubelet is configured in kubeadm.yaml only", (t) => {
  const section = { ...KUBERNETES, taints: ['a:NoSchedule'], config: { maxPods: 5 } };
  t.deepEqual(checkKubernetes(section), []);
  t.deepEqual(
    checkKubernetes({ ...section, role: 'controller' }).map(({ path }) => path),
    [['config'], ['taints']],
  );
});

test('the report asks the kubelet where its configuration has it answer', (t) => {
  const report = (config: Record<string, unknown>) =>
    expand({ config }).unit('rackseed-report-kubelet.service')?.content ?? '';
  t.regex(
    report({}),
    / http:\/\/192\.168\.0\.254\/phone-home\/52-54-00-12-34-56 http:\/\/127\.0\.0\.1:10248\/healthz 300$/m,
  );
  t.regex(report({ healthzPort: 12345 }), / http:\/\/127\.0\.0\.1:12345\/healthz /);
});
