import test from 'ava';
import { startNodeWatcher } from '../../src/kubernetes/node-watcher.ts';
import { doubleFor, eventually } from '../support/cluster.ts';
import {
  apiFor,
  CLIENT_SIGNER,
  decided,
  joinerFor,
  MAC,
  NODES,
  node,
  requestCertificate,
  SERVING_SIGNER,
} from '../support/joining.ts';
import { readManifest, rightsOf } from '../support/rbac.ts';

const SERVICE = { name: 'rackseed', groups: [] };

test('docs/rbac.yaml grants what the service does when machines join by token, and nothing else', async (t) => {
  const cluster = await doubleFor(t);
  const { joiner } = joinerFor(t, cluster, { join: 'token' });
  const { kubeconfig } = await joiner.join('worker-01', MAC);
  await requestCertificate(cluster, kubeconfig, 'client', CLIENT_SIGNER, {});
  t.deepEqual(await decided(cluster, 'client'), ['Approved']);

  const issued = await joinerFor(t, cluster, { join: 'certificate' }).joiner.join('worker-01', MAC);
  await requestCertificate(cluster, issued.kubeconfig, 'serving', SERVING_SIGNER, { names: 'DNS:worker-01' });
  t.deepEqual(await decided(cluster, 'serving'), ['Approved']);

  await cluster.ask(issued.kubeconfig, 'POST', NODES, node('worker-01', 'boot-1'));
  const labels = { 'node-role.kubernetes.io/worker': '' };
  const stop = startNodeWatcher({
    api: apiFor(cluster, []),
    machine: () => ({ labels: () => labels }),
    onReached: () => {},
    observe: () => {},
  });
  t.teardown(stop);
  const labelsOf = async () => (await cluster.admin('GET', `${NODES}/worker-01`)).body.metadata?.labels ?? {};
  await eventually(async () => 'node-role.kubernetes.io/worker' in (await labelsOf()));
  await joiner.stop();

  const granted = rightsOf(await readManifest(), SERVICE);
  t.deepEqual([...cluster.double.rightsUsed('rackseed')].sort(), [...granted].sort());
  t.is(granted.size, 9, [...granted].join(', '));
});

test("docs/rbac.yaml lets a machine's token ask for a certificate, and for nothing else", async (t) => {
  const rights = rightsOf(await readManifest(), {
    name: 'system:bootstrap:abcdef',
    groups: ['system:bootstrappers', 'system:bootstrappers:rackseed'],
  });
  t.deepEqual(
    [...rights],
    ['create', 'get', 'list', 'watch'].map((verb) => `${verb} certificatesigningrequests`),
  );
});

test('docs/rbac.yaml lets the cluster renew the certificates of its nodes', async (t) => {
  const renewal = (await readManifest()).find(({ subjects = [] }) =>
    subjects.some(({ kind, name }) => kind === 'Group' && name === 'system:nodes'),
  );
  t.like(renewal?.roleRef, {
    kind: 'ClusterRole',
    name: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
  });
});
