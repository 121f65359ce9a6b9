import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { CaPaths } from '../../src/kubernetes/ca-files.ts';
import { makeServerCertificate, signRequest } from './openssl.ts';
import { type RbacObject, readManifest, rightsOf } from './rbac.ts';

// A double of kube-apiserver and of the controllers that sign and make tokens: just enough of them for a machine to join, and
// for an administrator to give somebody the right to let it. It knows some kinds of objects, the rights of administrators, of
// nodes and of those that docs/rbac.yaml or bindings made here name, and merge patches.

/** An object as it is stored. */
interface StoredObject {
  metadata: { name: string; namespace?: string; resourceVersion: string; [key: string]: unknown };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [key: string]: unknown;
}

interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

interface Change {
  readonly version: number;
  readonly resource: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: StoredObject;
}

/** A running double. */
export interface ApiServerDouble {
  readonly server: string;
  /** Ends all connections, and refuses new ones until `resume`. */
  interrupt(): Promise<void>;
  resume(): Promise<void>;
  /** Ends all watches, as the API server does after a while. */
  endWatches(): void;
  /** Watches that go on from an old version are told 410 from now on, as after a compaction. */
  forgetHistory(): void;
  /** Connections that wait for changes. */
  watchers(): number;
  /** Every request so far: `GET /api/v1/nodes 200`. */
  readonly requests: readonly string[];
  /** What a user without a group has been allowed to do: `create secrets in kube-system`. */
  rightsUsed(user: string): ReadonlySet<string>;
  stop(): Promise<void>;
}

const KINDS: Readonly<Record<string, string>> = {
  secrets: 'Secret',
  nodes: 'Node',
  certificatesigningrequests: 'CertificateSigningRequest',
  configmaps: 'ConfigMap',
  serviceaccounts: 'ServiceAccount',
  clusterroles: 'ClusterRole',
  clusterrolebindings: 'ClusterRoleBinding',
  roles: 'Role',
  rolebindings: 'RoleBinding',
};
/** Groups of the API that tell what is in them, by path. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  '/api/v1': ['secrets', 'configmaps', 'serviceaccounts'],
  '/apis/rbac.authorization.k8s.io/v1': ['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'],
};
const PATHS = [
  /^\/api\/v1\/namespaces\/kube-system\/(?<resource>configmaps|serviceaccounts)(?:\/(?<name>[^/]+))?$/,
  /^\/apis\/rbac\.authorization\.k8s\.io\/v1\/(?<resource>clusterroles|clusterrolebindings)(?:\/(?<name>[^/]+))?$/,
  /^\/apis\/rbac\.authorization\.k8s\.io\/v1\/namespaces\/kube-system\/(?<resource>roles|rolebindings)(?:\/(?<name>[^/]+))?$/,
  /^\/api\/v1\/namespaces\/kube-system\/(?<resource>secrets)(?:\/(?<name>[^/]+))?$/,
  /^\/api\/v1\/(?<resource>nodes)(?:\/(?<name>[^/]+)(?:\/(?<part>status))?)?$/,
  /^\/apis\/certificates\.k8s\.io\/v1\/(?<resource>certificatesigningrequests)(?:\/(?<name>[^/]+)(?:\/(?<part>approval))?)?$/,
];

const ASKS_FOR_CERTIFICATE = /^(?:create|get|list|watch) certificatesigningrequests$/;

const TOKEN_SECRET = 'kubernetes.io/service-account-token';

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Starts the double on a port of 127.0.0.1, with a certificate of the CA, whose client certificates it knows. */
export async function startApiServerDouble(folder: string, ca: CaPaths): Promise<ApiServerDouble> {
  const { certPath, keyPath } = await makeServerCertificate(folder, ca);
  const objects = new Map<string, StoredObject>();
  const changes: Change[] = [];
  const watching = new Map<ServerResponse, string>();
  const requests: string[] = [];
  let version = 100;
  let oldest = 0;

  const server = createServer({
    cert: await readFile(certPath),
    key: await readFile(keyPath),
    ca: await readFile(ca.certificate),
    requestCert: true,
    rejectUnauthorized: false,
  });

  const store = (resource: string, object: StoredObject, type: Change['type']) => {
    version += 1;
    object.metadata.resourceVersion = String(version);
    const key = `${resource}/${object.metadata.name}`;
    if (type === 'DELETED') objects.delete(key);
    else objects.set(key, object);
    const change = { version, resource, type, object: structuredClone(object) };
    changes.push(change);
    for (const [response, watched] of watching) if (watched === resource) send(response, change);
    return object;
  };

  /** The ServiceAccount whose Secret has this token. */
  const accountOf = (authorization = ''): string | undefined => {
    for (const { type, data, metadata } of objects.values()) {
      const token = Buffer.from(String((data as { token?: string } | undefined)?.token ?? ''), 'base64');
      if (type === TOKEN_SECRET && authorization === `Bearer ${token.toString()}`)
        return `system:serviceaccount:kube-system:${metadata.name}`;
    }
    return undefined;
  };

  const authenticate = (request: IncomingMessage): User => {
    const socket = request.socket as TLSSocket;
    const token = /^Bearer ([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(request.headers.authorization ?? '');
    if (socket.authorized) {
      const { CN: name = '', O: groups = [] } = socket.getPeerCertificate().subject as {
        CN?: string;
        O?: string | string[];
      };
      return { name, groups: [groups].flat() };
    }
    const account = accountOf(request.headers.authorization);
    if (account) return { name: account, groups: [] };
    const [, id = '', secret = ''] = token ?? [];
    const data = objects.get(`secrets/bootstrap-token-${id}`)?.data as Record<string, string> | undefined;
    const field = (name: string) => Buffer.from(data?.[name] ?? '', 'base64').toString();
    const isGood =
      field('token-secret') === secret &&
      field('token-id') === id &&
      field('usage-bootstrap-authentication') === 'true' &&
      Date.parse(field('expiration')) > Date.now();
    if (!token || !isGood) throw new Refusal(401, 'Unauthorized');
    const groups = ['system:bootstrappers', ...field('auth-extra-groups').split(',')];
    return { name: `system:bootstrap:${id}`, groups };
  };

  const manifest = await readManifest();
  const used = new Map<string, Set<string>>();

  const bindingsMade = () =>
    [...objects].flatMap(([key, object]) =>
      /^(?:cluster)?rolebindings\//.test(key) ? [object] : [],
    ) as unknown[] as RbacObject[];

  const authorize = (user: User, right: string, name: string) => {
    const { name: userName, groups } = user;
    const isOwnNode = userName === `system:node:${name}` && / nodes(?:\/status)?$/.test(right);
    const isAllowed =
      groups.includes('system:masters') ||
      // The node authorizer's part.
      (groups.includes('system:nodes') && (isOwnNode || ASKS_FOR_CERTIFICATE.test(right))) ||
      rightsOf([...manifest, ...bindingsMade()], user).has(right);
    if (!isAllowed) {
      throw new Refusal(403, `"${name}" is forbidden: User "${userName}" cannot ${right}`);
    }
    if (groups.length === 0) used.set(userName, (used.get(userName) ?? new Set()).add(right));
  };

  const create = (resource: string, body: StoredObject, user: User) => {
    const { name } = body.metadata;
    if (objects.has(`${resource}/${name}`)) throw new Refusal(409, `${resource} "${name}" already exists`);
    const metadata = { ...body.metadata, uid: `uid-${version}`, creationTimestamp: new Date().toISOString() };
    const object: StoredObject = { ...body, kind: KINDS[resource], metadata };
    if (resource === 'secrets') {
      const entries = Object.entries((body.stringData ?? {}) as Record<string, string>);
      object.data = Object.fromEntries(
        entries.map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
      );
      delete object.stringData;
      // The token controller's part.
      if (body.type === TOKEN_SECRET)
        object.data = { token: Buffer.from(`token of ${name}, ${version}`).toString('base64') };
    }
    if (resource === 'certificatesigningrequests') {
      object.spec = { ...body.spec, username: user.name, groups: [...user.groups, 'system:authenticated'] };
      object.status = {};
    }
    return store(resource, object, 'ADDED');
  };

  /** Certificates being made; the double has not stopped before they are. */
  const signing = new Set<Promise<void>>();

  /** The controller manager's part: an approved request gets its certificate. */
  const sign = async (csr: StoredObject) => {
    const request = Buffer.from(String(csr.spec?.request), 'base64').toString();
    const purpose = csr.spec?.signerName === 'kubernetes.io/kubelet-serving' ? 'serverAuth' : 'clientAuth';
    const certificate = await signRequest(folder, ca, request, `extendedKeyUsage=${purpose}`);
    const encoded = Buffer.from(certificate).toString('base64');
    store(
      'certificatesigningrequests',
      { ...csr, status: { ...csr.status, certificate: encoded } },
      'MODIFIED',
    );
  };

  const approve = (csr: StoredObject, body: StoredObject) => {
    if (body.metadata.resourceVersion !== csr.metadata.resourceVersion) {
      throw new Refusal(409, 'the object has been modified; please apply your changes to the latest version');
    }
    const conditions = body.status?.conditions as { type: string }[];
    const decided = store(
      'certificatesigningrequests',
      { ...csr, status: { ...csr.status, conditions } },
      'MODIFIED',
    );
    if (conditions.some(({ type }) => type === 'Approved')) signing.add(sign(structuredClone(decided)));
    return decided;
  };

  const watch = (resource: string, from: string | null, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from !== null && Number(from) < oldest) {
      response.end(
        `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`,
      );
      return;
    }
    const news =
      from === null
        ? [...objects].flatMap(([key, object]) =>
            key.startsWith(`${resource}/`) ? { type: 'ADDED' as const, object } : [],
          )
        : changes.filter((change) => change.resource === resource && change.version > Number(from));
    for (const change of news) send(response, change);
    watching.set(response, resource);
    response.on('close', () => watching.delete(response));
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    const user = authenticate(request);
    const url = new URL(request.url ?? '/', 'https://double');
    const group = GROUPS[url.pathname];
    if (group) {
      const resources = group.map((name) => ({
        name,
        kind: KINDS[name],
        namespaced: !name.startsWith('cluster'),
      }));
      return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'v1', resources };
    }
    const place = PATHS.map((path) => path.exec(url.pathname)?.groups).find((groups) => groups);
    if (!place) throw new Refusal(404, 'the server could not find the requested resource');
    const { resource = '', name, part } = place;
    const body = await readBody(request);
    const target = name ?? body?.metadata.name ?? '';
    const isWatch = url.searchParams.get('watch') === 'true';
    const verbs = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
    const verb = verbs[request.method as keyof typeof verbs];
    const what = `${resource}${part ? `/${part}` : ''}${resource === 'secrets' ? ' in kube-system' : ''}`;
    authorize(
      user,
      `${isWatch ? 'watch' : name === undefined && verb === 'get' ? 'list' : verb} ${what}`,
      target,
    );
    if (isWatch) {
      watch(resource, url.searchParams.get('resourceVersion'), response);
      return undefined;
    }
    if (request.method === 'POST' && body) return create(resource, body, user);
    const object = objects.get(`${resource}/${target}`);
    if (name === undefined) {
      const items = [...objects].filter(([key]) => key.startsWith(`${resource}/`)).map(([, item]) => item);
      return { kind: `${KINDS[resource]}List`, apiVersion: 'v1', metadata: {}, items };
    }
    if (!object) throw new Refusal(404, `${resource} "${name}" not found`);
    if (request.method === 'DELETE') return store(resource, object, 'DELETED');
    if (part === 'approval' && body) {
      authorize(user, `approve signers ${object.spec?.signerName}`, target);
      return approve(object, body);
    }
    if (request.method === 'PATCH' && body) {
      refuseRestrictedLabels(user, body);
      return store(resource, mergePatch(object, body) as StoredObject, 'MODIFIED');
    }
    return object;
  };

  server.on('request', (request, response) => {
    const done = (status: number, body: unknown) => {
      requests.push(`${request.method} ${request.url} ${status}`);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    answer(request, response).then(
      (object) => {
        if (object) done(request.method === 'POST' ? 201 : 200, object);
      },
      (error: unknown) => {
        const status = error instanceof Refusal ? error.status : 500;
        done(status, { kind: 'Status', status: 'Failure', code: status, message: (error as Error).message });
      },
    );
  });
  server.on('tlsClientError', () => {});

  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    server: `https://127.0.0.1:${port}`,
    interrupt: close,
    resume: () => listen(port),
    endWatches() {
      for (const response of watching.keys()) response.end();
    },
    forgetHistory() {
      oldest = version + 1;
    },
    watchers: () => watching.size,
    requests,
    rightsUsed: (user) => used.get(user) ?? new Set(),
    async stop() {
      await close();
      await Promise.all(signing);
    },
  };
}

function send(response: ServerResponse, { type, object }: Pick<Change, 'type' | 'object'>): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

async function readBody(request: IncomingMessage): Promise<StoredObject | undefined> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text === '' ? undefined : (JSON.parse(text) as StoredObject);
}

/** NodeRestriction's part: a node gives itself no role. */
function refuseRestrictedLabels({ groups }: User, body: StoredObject): void {
  const labels = Object.keys((body.metadata?.labels ?? {}) as object);
  if (groups.includes('system:nodes') && labels.some((key) => key.startsWith('node-role.kubernetes.io/'))) {
    throw new Refusal(403, 'is not allowed to modify labels: node-role.kubernetes.io');
  }
}

/** RFC 7396. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = {
    ...(typeof target === 'object' && target !== null ? target : {}),
  };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}
