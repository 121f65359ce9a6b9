import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { load } from 'js-yaml';
import { pino } from 'pino';
import type { KubernetesEvent } from '../../src/kubernetes/events.ts';
import { startNodeWatcher } from '../../src/kubernetes/node-watcher.ts';
import { logKubernetes } from '../../src/log-events.ts';
import {
  doubleFor,
  eventually,
  REAL_BINARIES,
  realClusterFor,
  type TestCluster,
} from '../support/cluster.ts';
import {
  apiFor,
  base64,
  CLIENT_SIGNER,
  CSRS,
  decided,
  joinerFor,
  MAC,
  NODES,
  node,
  ofType,
  requestCertificate,
  SECRETS,
  SERVING_SIGNER,
} from '../support/joining.ts';
import { kubectl } from '../support/kubectl.ts';
import type { RequestOptions } from '../support/openssl.ts';
import { run, runChecked } from '../support/process.ts';

/** A fact that holds with the double, and with a real API server where there is one. */
function fact(title: string, check: (t: ExecutionContext, cluster: TestCluster) => Promise<void>): void {
  test(`with a double of the API server, ${title}`, async (t) => check(t, await doubleFor(t)));
  const binaries = REAL_BINARIES;
  if (binaries) {
    test.serial(`with a real kube-apiserver, ${title}`, async (t) =>
      check(t, await realClusterFor(t, binaries)),
    );
  } else {
    test.skip(`with a real kube-apiserver (skipped: KUBEBUILDER_ASSETS is not set), ${title}`, () => {});
  }
}

fact("a machine's certificate may create and patch its own Node, and no other", async (t, cluster) => {
  const { kubeconfig, kind } = await joinerFor(t, cluster, { join: 'certificate' }).joiner.join(
    'worker-01',
    MAC,
  );
  t.is(kind, 'kubeconfig');
  const as = (method: string, path: string, body?: object) => cluster.ask(kubeconfig, method, path, body);
  t.is((await as('POST', NODES, node('worker-01', 'boot-1'))).status, 201);
  const label = (labels: object) => ({ metadata: { labels } });
  t.is((await as('PATCH', `${NODES}/worker-01`, label({ rack: '1' }))).status, 200);
  t.is((await as('PATCH', `${NODES}/worker-01`, label({ 'node-role.kubernetes.io/x': '' }))).status, 403);
  t.is((await as('POST', NODES, node('worker-02', 'boot-1'))).status, 403);
  await cluster.admin('POST', NODES, node('worker-02', 'boot-1'));
  t.is((await as('PATCH', `${NODES}/worker-02`, label({ rack: '1' }))).status, 403);
});

fact("a machine's kubeconfig loads in kubectl, and kubectl gets an answer with it", async (t, cluster) => {
  const { kubeconfig } = await joinerFor(t, cluster, { join: 'certificate' }).joiner.join('worker-01', MAC);
  const file = join(cluster.folder, 'worker-01.kubeconfig');
  await writeFile(file, kubeconfig, { mode: 0o600 });
  const view = load(await runChecked([await kubectl(), '--kubeconfig', file, 'config', 'view'])) as {
    users: { name: string }[];
  };
  t.deepEqual(
    view.users.map(({ name }) => name),
    ['system:node:worker-01'],
  );
  await cluster.ask(kubeconfig, 'POST', NODES, node('worker-01', 'boot-1'));
  const raw = (name: string) => ['--kubeconfig', file, 'get', '--raw', `${NODES}/${name}`];
  const own = JSON.parse(await runChecked([await kubectl(), ...raw('worker-01')])) as { metadata: object };
  t.like(own.metadata, { name: 'worker-01' });
  const other = await run([await kubectl(), ...raw('worker-02')]);
  t.not(other.code, 0);
  t.regex(other.stderr, /[Ff]orbidden/);
});

fact("a certificate of another CA is no one's", async (t, cluster) => {
  const other = await doubleFor(t);
  const { joiner } = joinerFor(t, cluster, {
    join: 'certificate',
    ca: other.ca.certificate,
    caKey: other.ca.key,
  });
  const { kubeconfig } = await joiner.join('worker-01', MAC);
  const { users } = load(kubeconfig) as { users: unknown[] };
  const ours = load(await readFile(cluster.adminKubeconfig, 'utf8')) as object;
  t.is((await cluster.ask(JSON.stringify({ ...ours, users }), 'GET', `${NODES}/worker-01`)).status, 401);
});

fact('the token flow ends in a certificate with which the machine registers', async (t, cluster) => {
  const { joiner, events } = joinerFor(t, cluster, { join: 'token' });
  const { kubeconfig, kind, caPem } = await joiner.join('worker-01', MAC);
  t.is(kind, 'bootstrap-kubeconfig');
  t.is(caPem, await readFile(cluster.ca.certificate, 'utf8'));
  const [made] = ofType(events, 'token-made');
  const secret = await cluster.admin('GET', `${SECRETS}/bootstrap-token-${made?.tokenId}`);
  t.is(secret.status, 200);

  const { keyPem } = await requestCertificate(cluster, kubeconfig, 'csr-1', CLIENT_SIGNER, {});
  t.deepEqual(await decided(cluster, 'csr-1'), ['Approved']);
  if (!cluster.signs) return;
  let certificate: string | undefined;
  await eventually(async () => {
    certificate = (await cluster.ask(kubeconfig, 'GET', `${CSRS}/csr-1`)).body.status?.certificate;
    return certificate !== undefined;
  });
  const user = { 'client-certificate-data': certificate, 'client-key-data': base64(keyPem) };
  const joined = JSON.stringify({ ...(load(kubeconfig) as object), users: [{ name: 'kubelet', user }] });
  t.is((await cluster.ask(joined, 'POST', NODES, node('worker-01', 'boot-1'))).status, 201);
});

fact(
  "a machine's token gets no certificate for another machine, and none with more rights",
  async (t, cluster) => {
    const { joiner } = joinerFor(t, cluster, { join: 'token' });
    const { kubeconfig } = await joiner.join('worker-01', MAC);
    const attacks: Readonly<Record<string, RequestOptions>> = {
      'other-name': { subject: '/O=system:nodes/CN=system:node:worker-02' },
      masters: { subject: '/O=system:nodes+O=system:masters/CN=system:node:worker-01' },
    };
    for (const [name, options] of Object.entries(attacks)) {
      await requestCertificate(cluster, kubeconfig, name, CLIENT_SIGNER, options);
      t.deepEqual(await decided(cluster, name), ['Denied'], name);
    }
    await requestCertificate(cluster, kubeconfig, 'honest', CLIENT_SIGNER, {});
    t.deepEqual(await decided(cluster, 'honest'), ['Approved']);
    await requestCertificate(cluster, kubeconfig, 'again', CLIENT_SIGNER, {});
    t.deepEqual(await decided(cluster, 'again'), ['Denied']);
  },
);

fact(
  'a token is the same for a repeated request, another for another machine, and gone at the end',
  async (t, cluster) => {
    const { joiner, events } = joinerFor(t, cluster, { join: 'token' });
    const [first, repeated] = await Promise.all([
      joiner.join('worker-01', MAC),
      joiner.join('worker-01', MAC),
    ]);
    t.is(first.kubeconfig, repeated.kubeconfig);
    t.is(first.kubeconfig, (await joiner.join('worker-01', MAC)).kubeconfig);
    t.not(first.kubeconfig, (await joiner.join('worker-02', '52:54:00:12:34:57')).kubeconfig);
    t.is(ofType(events, 'token-made').length, 2);
    await eventually(async () => (await cluster.ask(first.kubeconfig, 'GET', CSRS)).status === 200);

    await joiner.stop();
    t.deepEqual(
      ofType(events, 'token-deleted')
        .map(({ nodeName, reason }) => `${nodeName} ${reason}`)
        .sort(),
      ['worker-01 stopping', 'worker-02 stopping'],
    );
    const left = (await cluster.admin('GET', SECRETS)).body.items ?? [];
    t.deepEqual(
      left.filter(({ metadata }) => metadata.name.startsWith('bootstrap-token-')),
      [],
    );
  },
);

fact("a machine's serving certificate is approved for its own name and address only", async (t, cluster) => {
  const { joiner, events } = joinerFor(t, cluster, { join: 'certificate' });
  const { kubeconfig } = await joiner.join('worker-01', MAC);
  await requestCertificate(cluster, kubeconfig, 'foreign', SERVING_SIGNER, { names: 'DNS:worker-02' });
  await requestCertificate(cluster, kubeconfig, 'own', SERVING_SIGNER, {
    names: 'DNS:worker-01,IP:192.168.0.1',
  });
  t.deepEqual(await decided(cluster, 'own'), ['Approved']);
  await eventually(() =>
    ofType(events, 'csr').some(({ csr, verdict }) => csr === 'foreign' && verdict === 'leave'),
  );
  t.is((await cluster.admin('GET', `${CSRS}/foreign`)).body.status?.conditions, undefined);
});

fact('a machine registers and becomes ready with each boot, and gets its labels', async (t, cluster) => {
  await cluster.admin('POST', NODES, node('worker-01', 'boot-1'));
  await cluster.admin('PATCH', `${NODES}/worker-01/status`, node('worker-01', 'boot-1', true));
  await cluster.admin('POST', NODES, node('stranger', 'boot-7'));
  const reached: string[] = [];
  const labels = { 'node-role.kubernetes.io/worker': '', rack: 'r1' };
  const stop = startNodeWatcher({
    api: apiFor(cluster, []),
    machine: (name) =>
      name === 'stranger' ? undefined : { bootBegan: Date.now() + 60_000, labels: () => labels },
    onReached: (nodeName, stage) => reached.push(`${nodeName} ${stage}`),
    observe: () => {},
  });
  t.teardown(stop);
  const labelsOf = async (name: string) =>
    (await cluster.admin('GET', `${NODES}/${name}`)).body.metadata?.labels;
  await eventually(async () => (await labelsOf('worker-01'))?.rack === 'r1');
  t.like(await labelsOf('worker-01'), labels);
  t.deepEqual(reached, [], 'the Node of the boot before is Ready still, but nothing has happened');

  await cluster.admin('PATCH', `${NODES}/worker-01/status`, node('worker-01', 'boot-2', false));
  await eventually(() => reached.length === 1);
  await cluster.admin('PATCH', `${NODES}/worker-01/status`, node('worker-01', 'boot-2', true));
  await eventually(() => reached.length === 2);
  t.deepEqual(reached, ['worker-01 registered', 'worker-01 ready']);
  t.is((await labelsOf('stranger'))?.rack, undefined);
});

test('an API server that goes away is told of once, and found again when it comes back', async (t) => {
  const cluster = await doubleFor(t);
  const { joiner, events } = joinerFor(t, cluster, { join: 'token' });
  await eventually(() => cluster.double.watchers() === 1);
  await cluster.double.interrupt();
  await eventually(() => ofType(events, 'trouble').length === 1);
  await t.throwsAsync(joiner.join('worker-01', MAC), {
    message: /^no bootstrap token for worker-01: connect ECONNREFUSED/,
  });
  await cluster.double.resume();
  cluster.double.forgetHistory();
  await eventually(() => ofType(events, 'recovered').length === 1);
  t.is(ofType(events, 'trouble').length, 1);

  const { kubeconfig } = await joiner.join('worker-01', MAC);
  await requestCertificate(cluster, kubeconfig, 'csr-1', CLIENT_SIGNER, {});
  t.deepEqual(await decided(cluster, 'csr-1'), ['Approved']);
});

test('a watch whose place in history is gone begins again', async (t) => {
  const cluster = await doubleFor(t);
  const { joiner } = joinerFor(t, cluster, { join: 'token' });
  const { kubeconfig } = await joiner.join('worker-01', MAC);
  await eventually(() => cluster.double.watchers() === 1);
  await requestCertificate(cluster, kubeconfig, 'csr-1', CLIENT_SIGNER, {});
  t.deepEqual(await decided(cluster, 'csr-1'), ['Approved']);
  cluster.double.endWatches();
  cluster.double.forgetHistory();
  await requestCertificate(cluster, kubeconfig, 'csr-2', CLIENT_SIGNER, {});
  t.deepEqual(await decided(cluster, 'csr-2'), ['Denied']);
});

test('a cluster that does not exist yet, or grants nothing, is told of in words', async (t) => {
  const cluster = await doubleFor(t);
  const missing = join(cluster.folder, 'not-there.conf');
  const first = joinerFor(t, cluster, { join: 'token', kubeconfig: missing });
  await t.throwsAsync(first.joiner.join('worker-01', MAC), {
    message: `no bootstrap token for worker-01: kubeconfig ${missing} can't be read (ENOENT)`,
  });

  const byCertificate = joinerFor(t, cluster, { join: 'certificate' });
  const { kubeconfig } = await byCertificate.joiner.join('worker-09', MAC);
  const weak = join(cluster.folder, 'weak.conf');
  await writeFile(weak, kubeconfig);
  const second = joinerFor(t, cluster, { join: 'token', kubeconfig: weak });
  await t.throwsAsync(second.joiner.join('worker-01', MAC), {
    message:
      /^no bootstrap token for worker-01: the API server answered 403: .*User "system:node:worker-09" cannot create/,
  });
});

test('with "join: certificate", machines join while no API server is there', async (t) => {
  const cluster = await doubleFor(t);
  await cluster.double.interrupt();
  const { joiner, events } = joinerFor(t, cluster, { join: 'certificate' });
  const material = await joiner.join('worker-01', MAC);
  t.like(material, {
    server: cluster.server,
    kind: 'kubeconfig',
    clusterDns: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
  });
  t.is(ofType(events, 'certificate-issued').length, 1);
});

test('no key, token or certificate is ever logged, whatever happens', async (t) => {
  const cluster = await doubleFor(t);
  const lines: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  const logged = (text: string) => lines.some((line) => line.includes(text));
  const secrets: string[] = [];
  const keep = (kubeconfig: string) => {
    const { users } = load(kubeconfig) as { users: [{ user: Record<string, string> }] };
    secrets.push(...Object.values(users[0].user).flatMap((text) => [text, text.split('.')[1] ?? text]));
  };
  const observe = (event: KubernetesEvent) => logKubernetes(logger, event);
  const byToken = joinerFor(t, cluster, { join: 'token' }, observe);
  const byCertificate = joinerFor(t, cluster, { join: 'certificate' }, observe);
  const { kubeconfig } = await byToken.joiner.join('worker-01', MAC);
  keep(kubeconfig);
  keep((await byCertificate.joiner.join('worker-01', MAC)).kubeconfig);
  await requestCertificate(cluster, kubeconfig, 'bad', CLIENT_SIGNER, { subject: '/O=x/CN=y' });
  await requestCertificate(cluster, kubeconfig, 'good', CLIENT_SIGNER, {});
  await decided(cluster, 'bad');
  await decided(cluster, 'good');
  await eventually(() => logged('bad denied') && logged('good approved'));
  await cluster.double.interrupt();
  await eventually(() => logged('does not work'));
  const failure = await t.throwsAsync(byToken.joiner.join('worker-03', MAC));
  logger.error({ err: failure }, 'a document failed');
  await Promise.all([byToken.joiner.stop(), byCertificate.joiner.stop()]);

  t.true(logged('certificate-issued') && logged('token-made') && logged('a document failed'));
  t.true(secrets.length >= 3);
  for (const secret of secrets) t.false(logged(secret));
  t.notRegex(lines.join(''), /PRIVATE KEY|BEGIN CERTIFICATE|[a-z0-9]{6}\.[a-z0-9]{16}\b/);
});
