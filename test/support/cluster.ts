import { readFile, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { load } from 'js-yaml';
import type { CaPaths } from '../../src/kubernetes/ca-files.ts';
import { renderKubeconfig } from '../../src/kubernetes/kubeconfig.ts';
import { type ApiServerDouble, startApiServerDouble } from './api-server-double.ts';
import { folderFor, makeOpensslCa, makeRequest, makeServerCertificate, signRequest } from './openssl.ts';
import { startFor } from './process.ts';
import { collectionOf, readManifest } from './rbac.ts';

/** A cluster to join: a real API server, or its double. */
export interface TestCluster {
  readonly folder: string;
  readonly server: string;
  readonly ca: CaPaths;
  /** Approved requests get a certificate: an API server alone does not do that. */
  readonly signs: boolean;
  /** Kubeconfig file of an administrator. */
  readonly adminKubeconfig: string;
  /** Kubeconfig file of the user rackseed, who has the rights in docs/rbac.yaml. */
  readonly serviceKubeconfig: string;
  /** Sends a request as the user of a kubeconfig (its text). */
  ask(kubeconfig: string, method: string, path: string, body?: object): Promise<Answer>;
  /** The same as an administrator. */
  admin(method: string, path: string, body?: object): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly body: {
    readonly message?: string;
    readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
    readonly status?: {
      readonly certificate?: string;
      readonly conditions?: readonly { readonly type: string }[];
    };
    readonly items?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

/** kube-apiserver, etcd and kubectl, as the Kubernetes project's own tests find them; undefined when it isn't set. */
export const REAL_BINARIES = process.env.KUBEBUILDER_ASSETS || undefined;

/** The double, for the length of a test. */
export async function doubleFor(
  t: ExecutionContext,
): Promise<TestCluster & { readonly double: ApiServerDouble }> {
  const folder = await folderFor(t);
  const ca = await makeOpensslCa(folder, 'ECDSA P-256, SEC 1');
  const double = await startApiServerDouble(folder, ca);
  t.teardown(() => double.stop());
  return { ...(await describe(folder, double.server, ca)), signs: true, double };
}

/** A real etcd and kube-apiserver from `binaries`, for the length of a test. Nothing signs certificates there. */
export async function realClusterFor(t: ExecutionContext, binaries: string): Promise<TestCluster> {
  const folder = await folderFor(t);
  const ca = await makeOpensslCa(folder, 'RSA 2048, PKCS #1');
  const { certPath, keyPath } = await makeServerCertificate(folder, ca);
  const [client, peer, api] = [await freePort(), await freePort(), await freePort()];
  const etcd = `http://127.0.0.1:${client}`;
  await startFor(t, [
    join(binaries, 'etcd'),
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${etcd}`,
    `--advertise-client-urls=${etcd}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    '--unsafe-no-fsync',
  ]);
  const apiServer = await startFor(t, [
    join(binaries, 'kube-apiserver'),
    `--etcd-servers=${etcd}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${api}`,
    `--client-ca-file=${ca.certificate}`,
    `--tls-cert-file=${certPath}`,
    `--tls-private-key-file=${keyPath}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--disable-admission-plugins=ServiceAccount',
    '--enable-bootstrap-token-auth',
    '--service-cluster-ip-range=10.96.0.0/24',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${keyPath}`,
    `--service-account-signing-key-file=${keyPath}`,
  ]);
  const cluster = await describe(folder, `https://127.0.0.1:${api}`, ca);
  const isReady = () =>
    cluster.admin('GET', '/readyz').then(
      ({ status }) => status === 200,
      () => false,
    );
  await eventually(isReady, 60_000).catch(() => {
    throw new Error(`kube-apiserver did not become ready:\n${apiServer.output()}`);
  });
  // What an administrator does once.
  for (const object of await readManifest()) {
    const { status, body } = await cluster.admin('POST', collectionOf(object), object);
    if (status !== 201) throw new Error(`docs/rbac.yaml is not taken: ${body.message}`);
  }
  return cluster;
}

async function describe(folder: string, server: string, ca: CaPaths): Promise<TestCluster> {
  const admin = await makeUser(folder, server, ca, '/O=system:masters/CN=kubernetes-admin');
  const service = await makeUser(folder, server, ca, '/CN=rackseed');
  return {
    folder,
    server,
    ca,
    signs: false,
    adminKubeconfig: admin.file,
    serviceKubeconfig: service.file,
    ask,
    admin: (method, path, body) => ask(admin.text, method, path, body),
  };
}

/** A user with a client certificate, as `kubeadm kubeconfig user` makes one: the kubeconfig, and a file of it. */
async function makeUser(folder: string, server: string, ca: CaPaths, subject: string) {
  const { request, keyPem } = await makeRequest(folder, { subject });
  const certificatePem = await signRequest(folder, ca, request, 'extendedKeyUsage=clientAuth');
  const caPem = await readFile(ca.certificate, 'utf8');
  const user = subject.replace(/.*CN=/, '');
  const text = renderKubeconfig({ server, caPem, user, credential: { certificatePem, keyPem } });
  const file = join(folder, `${user}.conf`);
  await writeFile(file, text, { mode: 0o600 });
  return { text, file };
}

interface Kubeconfig {
  readonly clusters: readonly [
    { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } },
  ];
  readonly users: readonly [
    {
      readonly user: {
        readonly token?: string;
        readonly 'client-certificate-data'?: string;
        readonly 'client-key-data'?: string;
      };
    },
  ];
}

function ask(kubeconfig: string, method: string, path: string, body?: object): Promise<Answer> {
  const { clusters, users } = load(kubeconfig) as Kubeconfig;
  const [{ cluster }] = clusters;
  const { token, 'client-certificate-data': cert, 'client-key-data': key } = users[0].user;
  const decoded = (text: string) => Buffer.from(text, 'base64');
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return new Promise((resolve, reject) => {
    const asked = httpsRequest(
      new URL(path, cluster.server),
      {
        method,
        ca: decoded(cluster['certificate-authority-data']),
        ...(cert && key && { cert: decoded(cert), key: decoded(key) }),
        headers: { 'content-type': type, ...(token && { authorization: `Bearer ${token}` }) },
        agent: false,
      },
      async (response) => {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        const isJson = response.headers['content-type']?.startsWith('application/json');
        resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : {} });
      },
    );
    asked.on('error', reject);
    asked.end(body && JSON.stringify(body));
  });
}

/** Waits for something that another program does; rejects when it isn't so in time (milliseconds). */
export async function eventually(check: () => boolean | Promise<boolean>, timeout = 20_000): Promise<void> {
  const deadline = Date.now() + timeout;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A TCP port that nobody had a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
