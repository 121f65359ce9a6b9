import { chmod, copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { load } from 'js-yaml';
import { accountManifest, kubeadmSteps } from '../../src/install/kubeadm.ts';
import { type StepResult, takeSteps } from '../../src/install/step.ts';
import { doubleFor } from '../support/cluster.ts';
import { CLIENT_SIGNER, decided, joinerFor, MAC, requestCertificate, SECRETS } from '../support/joining.ts';
import { folderFor } from '../support/openssl.ts';
import { type RbacObject, readManifest, rightsOf } from '../support/rbac.ts';

const SHIPPED = fileURLToPath(new URL('../../config', import.meta.url));
const MANIFESTS = fileURLToPath(new URL('../../docs', import.meta.url));
const ACCOUNT = 'system:serviceaccount:kube-system:rackseed';

/** A host on which kubeadm has made a cluster (the double of one), and where rackseed was installed just now. */
async function hostFor(t: ExecutionContext) {
  const cluster = await doubleFor(t);
  const folder = await folderFor(t);
  const parts = {
    kubernetes: join(folder, 'kubernetes'),
    config: join(folder, 'rackseed'),
    shipped: SHIPPED,
    manifests: MANIFESTS,
    owner: async () => ({ uid: 0, gid: 65534, mode: 0o640 }),
  };
  await mkdir(join(parts.kubernetes, 'pki'), { recursive: true });
  await mkdir(parts.config);
  await copyFile(cluster.adminKubeconfig, join(parts.kubernetes, 'admin.conf'));
  await copyFile(cluster.ca.certificate, join(parts.kubernetes, 'pki/ca.crt'));
  const settings = join(parts.config, 'rackseed.yaml');
  await copyFile(join(SHIPPED, 'rackseed.yaml'), settings);
  const install = async (dryRun = false) => {
    const results: StepResult[] = [];
    for await (const result of takeSteps(kubeadmSteps(parts), dryRun)) results.push(result);
    return results;
  };
  return { cluster, parts, settings, kubeconfig: join(parts.config, 'kubeconfig'), install };
}

const doneIn = (results: readonly StepResult[]) => results.map(({ done }) => done);
const linesOf = (results: readonly StepResult[]) =>
  results.flatMap((result) => (result.done === 'before' ? [] : result.lines));

test('the service gets an account in the cluster of kubeadm, with which machines join; the second time there is nothing to do', async (t) => {
  const { cluster, parts, settings, kubeconfig, install } = await hostFor(t);
  const first = await install();
  t.deepEqual(doneIn(first), ['now', 'now', 'now']);
  const { mode, gid } = await stat(kubeconfig);
  t.deepEqual([mode & 0o7777, gid], [0o640, 65534]);
  t.deepEqual((load(await readFile(settings, 'utf8')) as { kubernetes: object }).kubernetes, {
    server: cluster.server,
    ca: join(parts.kubernetes, 'pki/ca.crt'),
    kubeconfig,
    join: 'token',
  });
  const token = /token: (.*)/.exec(await readFile(kubeconfig, 'utf8'))?.[1] ?? '';
  t.regex(token, /^token of rackseed/);
  t.notRegex(linesOf(first).join('\n'), new RegExp(token), 'it is shown to nobody');

  const asked = cluster.double.requests.length;
  t.deepEqual(doneIn(await install()), ['before', 'before', 'before']);
  t.deepEqual(
    cluster.double.requests.slice(asked).filter((request) => !request.startsWith('GET ')),
    [],
  );

  const { joiner } = joinerFor(t, cluster, { join: 'token', kubeconfig });
  const { kubeconfig: machine } = await joiner.join('worker-01', MAC);
  await requestCertificate(cluster, machine, 'client', CLIENT_SIGNER, {});
  t.deepEqual(await decided(cluster, 'client'), ['Approved']);
  const reading = await cluster.ask(await readFile(kubeconfig, 'utf8'), 'GET', `${SECRETS}/rackseed`);
  t.is(reading.status, 403, 'not even its own token');
});

test('the account has the rights of docs/rbac.yaml, and no others', async (t) => {
  const objects = (await accountManifest(MANIFESTS)) as unknown as RbacObject[];
  const rights = rightsOf(objects, { name: ACCOUNT, groups: [] });
  t.deepEqual(
    [...rights].sort(),
    [...rightsOf(await readManifest(), { name: 'rackseed', groups: [] })].sort(),
  );
  t.is(rightsOf(objects, { name: 'rackseed', groups: [] }).size, 0, 'a user of that name has none');
});

test('a dry run shows what is put into the cluster and the configuration, and changes nothing', async (t) => {
  const { cluster, parts, settings, kubeconfig, install } = await hostFor(t);
  const before = await readFile(settings, 'utf8');
  const results = await install(true);
  t.deepEqual(doneIn(results), ['not', 'not', 'not']);
  const lines = linesOf(results);
  for (const line of [
    '+kind: ServiceAccount',
    '+    resources:',
    `+  kubeconfig: ${kubeconfig}`,
    '+  join: token',
  ])
    t.true(lines.includes(line), line);
  t.true(lines.some((line) => line.startsWith('-  ca_key: ')));
  t.deepEqual(
    cluster.double.requests.filter((request) => !request.startsWith('GET ')),
    [],
  );
  t.is(await readFile(settings, 'utf8'), before);
  await t.throwsAsync(stat(join(parts.config, 'kubeconfig')), { code: 'ENOENT' });
});

test('what was changed since is put right: a role, a token that was called back, the mode of its file', async (t) => {
  const { cluster, kubeconfig, install } = await hostFor(t);
  await install();
  const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/rackseed';
  await cluster.admin('PATCH', role, { rules: [] });
  await cluster.admin('DELETE', `${SECRETS}/rackseed`);
  const old = await readFile(kubeconfig, 'utf8');
  t.deepEqual(doneIn(await install()), ['now', 'now', 'before']);
  t.not(await readFile(kubeconfig, 'utf8'), old);
  await chmod(kubeconfig, 0o644);
  t.deepEqual(doneIn(await install()), ['before', 'now', 'before']);
  t.is((await stat(kubeconfig)).mode & 0o7777, 0o640);
});

test('the DNS of the cluster is named where it is not the usual one', async (t) => {
  const { cluster, settings, install } = await hostFor(t);
  await cluster.admin('POST', '/api/v1/namespaces/kube-system/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kubelet-config', namespace: 'kube-system' },
    data: { kubelet: 'clusterDNS: [10.200.0.10, "fd00::a"]\nclusterDomain: rack.example\n' },
  });
  await install();
  t.like(load(await readFile(settings, 'utf8')), {
    kubernetes: { cluster_dns: ['10.200.0.10'], cluster_domain: 'rack.example' },
  });
});

test('a section that somebody has edited is left alone, and what it should say is told', async (t) => {
  const { settings, cluster, install } = await hostFor(t);
  const edited = 'kubernetes: { server: "https://10.0.0.1:6443", ca: /srv/ca.crt, ca_key: /srv/ca.key }\n';
  await writeFile(settings, edited);
  await t.throwsAsync(install(), {
    message: new RegExp(
      `was edited, so it is left alone.*\\n\\nkubernetes:\\n {2}server: ${cluster.server}\\n`,
    ),
  });
  t.is(await readFile(settings, 'utf8'), edited);
});

test("a CA beside admin.conf that is another cluster's is told, and an API server that does not answer", async (t) => {
  const { parts, cluster, install } = await hostFor(t);
  await writeFile(join(parts.kubernetes, 'pki/ca.crt'), 'another');
  await t.throwsAsync(install(), { message: /pki\/ca\.crt is not the CA of .*admin\.conf/ });
  await cluster.double.interrupt();
  await t.throwsAsync(install(), {
    message: /^ServiceAccount .*: the cluster of .*admin\.conf: .*ECONNREFUSED/,
  });
});
