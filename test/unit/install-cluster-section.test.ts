import test from 'ava';
import { load } from 'js-yaml';
import { editSection } from '../../src/install/cluster-section.ts';

const SHIPPED = `networks: []

# The cluster.
kubernetes:
  server: https://192.168.0.254:6443
  ca: /etc/kubernetes/pki/ca.crt # kubeadm's
  ca_key: /etc/kubernetes/pki/ca.key
  # certificate_lifetime: 30d
  # kubeconfig: /etc/rackseed/kubeconfig # to see nodes
  join: certificate # or token

# What follows.
store:
  lmdb: /var/lib/rackseed
`;
const WANTED = {
  server: 'https://10.0.0.1:6443',
  ca: '/etc/kubernetes/pki/ca.crt',
  kubeconfig: '/etc/rackseed/kubeconfig',
  join: 'token',
} as const;
const edit = (text: string, wanted = WANTED) => editSection(text, SHIPPED, wanted, load);

test('of the section that ships, only its own lines are changed, in whatever file it is', (t) => {
  const own = SHIPPED.replace('networks: []', 'networks: [mine] # my rack');
  t.deepEqual(edit(own), {
    kind: 'edit',
    text: `networks: [mine] # my rack

# The cluster.
kubernetes:
  server: https://10.0.0.1:6443
  ca: /etc/kubernetes/pki/ca.crt
  # certificate_lifetime: 30d
  kubeconfig: /etc/rackseed/kubeconfig
  join: token

# What follows.
store:
  lmdb: /var/lib/rackseed
`,
  });
});

test('keys that have no line get one at the end of the section', (t) => {
  const wanted = { ...WANTED, cluster_dns: ['10.200.0.10', '10.200.0.11'], cluster_domain: 'rack.example' };
  const result = edit(SHIPPED, wanted);
  t.true(
    result.kind === 'edit' &&
      result.text.includes(
        '  join: token\n  cluster_dns: [10.200.0.10, 10.200.0.11]\n  cluster_domain: rack.example\n\n# What follows.',
      ),
    JSON.stringify(result),
  );
});

test('a file without the section gets one', (t) => {
  const result = edit('networks: []');
  t.true(result.kind === 'edit');
  if (result.kind === 'edit') t.deepEqual(load(result.text), { networks: [], kubernetes: WANTED });
});

for (const [what, text] of [
  ['what it should say', `kubernetes: ${JSON.stringify(WANTED)}\n`],
  ['more than that', `kubernetes: ${JSON.stringify({ ...WANTED, certificate_lifetime: '1d' })}\n`],
] as const) {
  test(`a section that says ${what} is as it should be`, (t) => {
    t.deepEqual(edit(text), { kind: 'none' });
  });
}

for (const [what, text] of [
  ['another API server', SHIPPED.replace('192.168.0.254', '192.168.7.1')],
  ['the CA key as well', `kubernetes: ${JSON.stringify({ ...WANTED, ca_key: '/ca.key' })}\n`],
  [
    'the same as it ships in a form that has no lines of its own',
    `kubernetes: ${JSON.stringify((load(SHIPPED) as { kubernetes: object }).kubernetes)}\n`,
  ],
  ['the same as it ships, indented in another way', SHIPPED.replaceAll('\n  ', '\n    ')],
] as const) {
  test(`a section with ${what} is somebody's own`, (t) => {
    const result = edit(text);
    t.is(
      result.kind === 'by-hand' ? result.section : '',
      'kubernetes:\n  server: https://10.0.0.1:6443\n  ca: /etc/kubernetes/pki/ca.crt\n  kubeconfig: /etc/rackseed/kubeconfig\n  join: token\n',
    );
  });
}
