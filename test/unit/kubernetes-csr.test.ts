import test from 'ava';
import { parseCsr } from '../../src/kubernetes/csr.ts';
import {
  type CsrDecision,
  type CsrFacts,
  type CsrSpec,
  decideCsr,
} from '../../src/kubernetes/csr-approval.ts';
import { makeToken, tokenSecret } from '../../src/kubernetes/tokens.ts';
import { folderFor, makeRequest, type RequestOptions } from '../support/openssl.ts';

const facts: CsrFacts = {
  token: (id) =>
    ({
      abc123: { id: 'abc123', nodeName: 'worker-01' },
      spent0: { id: 'spent0', nodeName: 'worker-01', usedFor: 'csr-first' },
    })[id],
  addresses: (nodeName) => ({ 'worker-01': ['192.168.0.1'], 'worker-02': ['192.168.0.2'] })[nodeName],
};

/** A request as it comes from the kubelet of worker-01 that joins, with something changed. */
interface Case {
  readonly title: string;
  readonly expected: { readonly verdict: CsrDecision['verdict']; readonly reason: RegExp };
  readonly csr?: RequestOptions;
  readonly spec?: Partial<CsrSpec>;
  /** Damages the request's text. */
  readonly damage?: (pem: string) => string;
}

const joining: Omit<CsrSpec, 'request'> = {
  username: 'system:bootstrap:abc123',
  groups: ['system:bootstrappers', 'system:bootstrappers:rackseed', 'system:authenticated'],
  signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
  usages: ['digital signature', 'client auth'],
};
const serving: Omit<CsrSpec, 'request'> = {
  username: 'system:node:worker-01',
  groups: ['system:nodes', 'system:authenticated'],
  signerName: 'kubernetes.io/kubelet-serving',
  usages: ['digital signature', 'server auth'],
};

const denied = (reason: RegExp) => ({ verdict: 'deny', reason }) as const;
const left = (reason: RegExp) => ({ verdict: 'leave', reason }) as const;
const nodes = '/O=system:nodes/CN=system:node:worker-01';

const JOINING: readonly Case[] = [
  { title: 'an ECDSA key', expected: { verdict: 'approve', reason: /client certificate of worker-01/ } },
  {
    title: 'an RSA key, and key encipherment',
    csr: { key: 'RSA 2048, PKCS #1' },
    spec: { usages: ['key encipherment', 'digital signature', 'client auth'] },
    expected: { verdict: 'approve', reason: /client certificate of worker-01/ },
  },
  {
    title: "another machine's name",
    csr: { subject: '/O=system:nodes/CN=system:node:worker-02' },
    expected: denied(/token of worker-01, but it asks for the name "system:node:worker-02"/),
  },
  {
    title: 'a control-plane name',
    csr: { subject: '/O=system:nodes/CN=kubernetes-admin' },
    expected: denied(/the name "kubernetes-admin"/),
  },
  {
    title: 'two names',
    csr: { subject: `${nodes}/CN=system:node:worker-02` },
    expected: denied(/the name "system:node:worker-01, system:node:worker-02"/),
  },
  {
    title: "a name that begins with the machine's",
    csr: { subject: `${nodes}0` },
    expected: denied(/the name "system:node:worker-010"/),
  },
  {
    title: 'a further organization',
    csr: { subject: `/O=system:masters${nodes}` },
    expected: denied(/organizations \["system:masters","system:nodes"\]/),
  },
  {
    title: 'a further organization in one part of the name',
    csr: { subject: '/O=system:nodes+O=system:masters/CN=system:node:worker-01' },
    expected: denied(/organizations/),
  },
  {
    title: 'no organization',
    csr: { subject: '/CN=system:node:worker-01' },
    expected: denied(/organizations \[\]/),
  },
  {
    title: 'an organizational unit',
    csr: { subject: `/OU=system:masters${nodes}` },
    expected: denied(/more than a kubelet needs: name attribute 2\.5\.4\.11/),
  },
  {
    title: 'an alternative DNS name',
    csr: { names: 'DNS:worker-01' },
    expected: denied(/alternative names/),
  },
  {
    title: 'an alternative address',
    csr: { names: 'IP:192.168.0.1' },
    expected: denied(/alternative names/),
  },
  {
    title: 'an alternative URI',
    csr: { names: 'URI:spiffe://cluster.local/ns/kube-system/sa/admin' },
    expected: denied(/alternative name of kind 6/),
  },
  {
    title: 'to be a CA',
    csr: { extensions: ['basicConstraints=critical,CA:TRUE'] },
    expected: denied(/extension 2\.5\.29\.19/),
  },
  {
    title: 'server authentication besides',
    spec: { usages: ['digital signature', 'client auth', 'server auth'] },
    expected: denied(/the usage "server auth"/),
  },
  {
    title: 'certificate signing',
    spec: { usages: ['digital signature', 'client auth', 'cert sign'] },
    expected: denied(/the usage "cert sign"/),
  },
  {
    title: 'no client authentication',
    spec: { usages: ['digital signature'] },
    expected: denied(/the usage "client auth" is missing/),
  },
  {
    title: 'the signer for any client',
    spec: { signerName: 'kubernetes.io/kube-apiserver-client' },
    expected: denied(/the signer is kubernetes\.io\/kube-apiserver-client$/),
  },
  {
    title: 'the signer of serving certificates',
    spec: { signerName: 'kubernetes.io/kubelet-serving' },
    expected: denied(/the signer is/),
  },
  {
    title: 'a signature that is wrong',
    damage: damageSignature,
    expected: denied(/its signature is wrong|can't be used/),
  },
  {
    title: 'a second request after the text',
    damage: (pem) => pem + pem,
    expected: denied(/not one CERTIFICATE REQUEST/),
  },
  { title: 'something else', damage: () => 'hello', expected: denied(/not one CERTIFICATE REQUEST/) },
  {
    title: 'bytes that are no request',
    damage: () => '-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n',
    expected: denied(/can't be used: a structure is missing/),
  },
  {
    title: 'a key that is too small',
    csr: { key: 'RSA 1024' },
    expected: denied(/its key has only 1024 bits/),
  },
  { title: 'an Ed25519 key', csr: { key: 'Ed25519' }, expected: denied(/signature is of an unknown kind/) },
  {
    title: 'a token that was used already',
    spec: { username: 'system:bootstrap:spent0' },
    expected: denied(/that was used already, for csr-first/),
  },
  {
    title: "somebody else's token",
    spec: { username: 'system:bootstrap:zzzzzz' },
    expected: left(/not one of ours/),
  },
  {
    title: 'an administrator',
    spec: { username: 'kubernetes-admin', groups: ['system:masters'] },
    expected: left(/neither a machine joining/),
  },
  {
    title: 'a node that renews its own client certificate',
    spec: { username: 'system:node:worker-01', groups: ['system:nodes'] },
    expected: left(/neither a machine joining/),
  },
];

const SERVING: readonly Case[] = [
  {
    title: 'its own name and address',
    csr: { names: 'DNS:worker-01,IP:192.168.0.1' },
    expected: { verdict: 'approve', reason: /serving certificate of worker-01/ },
  },
  {
    title: 'its own address alone',
    csr: { names: 'IP:192.168.0.1' },
    expected: { verdict: 'approve', reason: /serving certificate of worker-01/ },
  },
  { title: 'no name at all', expected: left(/no name or address/) },
  {
    title: "another machine's name",
    csr: { names: 'DNS:worker-01,DNS:worker-02' },
    expected: left(/worker-02 is not known to be its own/),
  },
  {
    title: "the API server's name",
    csr: { names: 'DNS:kubernetes.default.svc,IP:192.168.0.1' },
    expected: left(/kubernetes\.default\.svc is not known/),
  },
  {
    title: "another machine's address",
    csr: { names: 'DNS:worker-01,IP:192.168.0.2' },
    expected: left(/192\.168\.0\.2 is not known/),
  },
  { title: 'an IPv6 address', csr: { names: 'IP:fd00::1' }, expected: left(/fd0+1 is not known/) },
  {
    title: 'a mail address',
    csr: { names: 'DNS:worker-01,email:a@b.c' },
    expected: left(/alternative name of kind 1/),
  },
  {
    title: "another machine's subject",
    csr: { subject: '/O=system:nodes/CN=system:node:worker-02', names: 'DNS:worker-01' },
    expected: left(/the name "system:node:worker-02"/),
  },
  {
    title: 'a further organization',
    csr: { subject: `/O=system:masters${nodes}`, names: 'DNS:worker-01' },
    expected: left(/organizations/),
  },
  {
    title: 'client authentication besides',
    csr: { names: 'DNS:worker-01' },
    spec: { usages: ['digital signature', 'server auth', 'client auth'] },
    expected: left(/the usage "client auth"/),
  },
  {
    title: 'a sender outside the group of nodes',
    csr: { names: 'DNS:worker-01' },
    spec: { groups: ['system:authenticated'] },
    expected: left(/not in system:nodes/),
  },
  {
    title: 'a node that is no machine of ours',
    csr: { names: 'DNS:worker-01' },
    spec: { username: 'system:node:cp-1' },
    expected: left(/no machine of ours is called cp-1/),
  },
  {
    title: 'a signature that is wrong',
    csr: { names: 'DNS:worker-01' },
    damage: damageSignature,
    expected: left(/its signature is wrong|can't be used/),
  },
];

for (const [what, base, cases] of [
  ['joining', joining, JOINING],
  ['serving', serving, SERVING],
] as const) {
  for (const { title, csr = {}, spec, damage, expected } of cases) {
    test(`a request of a kubelet ${what}, with ${title}: ${expected.verdict}`, async (t) => {
      const { request } = await makeRequest(await folderFor(t), csr);
      const decision = decideCsr('csr-1', { ...base, request: damage?.(request) ?? request, ...spec }, facts);
      t.is(decision.verdict, expected.verdict);
      t.regex(decision.reason, expected.reason);
    });
  }
}

test('the request that a token was used for may be decided about again', async (t) => {
  const { request } = await makeRequest(await folderFor(t), {});
  const spec = { ...joining, username: 'system:bootstrap:spent0', request };
  t.is(decideCsr('csr-first', spec, facts).verdict, 'approve');
});

test('names and addresses are read from a request as openssl wrote them', async (t) => {
  const names = 'DNS:a.example.com,IP:10.1.2.3,IP:fd00::1,DNS:b';
  const { request } = await makeRequest(await folderFor(t), { key: 'RSA 2048, PKCS #8', names });
  t.deepEqual(parseCsr(request), {
    commonNames: ['system:node:worker-01'],
    organizations: ['system:nodes'],
    dnsNames: ['a.example.com', 'b'],
    ipAddresses: ['10.1.2.3', 'fd000000000000000000000000000001'],
    others: [],
  });
});

test('no damaged request is ever read as a good one', async (t) => {
  const { request } = await makeRequest(await folderFor(t), { names: 'DNS:worker-01' });
  const der = Buffer.from(request.replace(/-----.*-----/g, ''), 'base64');
  for (let place = 0; place < der.length; place += 1) {
    const damaged = Buffer.from(der);
    damaged.writeUInt8(damaged.readUInt8(place) ^ 0x01, place);
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${damaged.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    t.throws(() => parseCsr(pem), { instanceOf: Error }, `byte ${place}`);
  }
});

test('the Secret of a bootstrap token has the fields that the API server looks for', (t) => {
  const token = { id: 'abc123', secret: '0123456789abcdef' };
  const expires = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  t.deepEqual(tokenSecret(token, 'worker-01', '52:54:00:12:34:56', expires), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'bootstrap-token-abc123', namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': 'abc123',
      'token-secret': '0123456789abcdef',
      expiration: '2026-01-02T03:04:05Z',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:rackseed',
      description: 'rackseed: lets worker-01 (52:54:00:12:34:56) join once',
    },
  });
});

test('bootstrap tokens have the form that Kubernetes asks for, and differ', (t) => {
  const tokens = Array.from({ length: 200 }, makeToken);
  for (const { id, secret } of tokens) t.regex(`${id}.${secret}`, /^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  t.is(new Set(tokens.map(({ secret }) => secret)).size, 200);
});

/** Changes one bit near the end of a request, which is where its signature lies. */
function damageSignature(pem: string): string {
  const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64');
  const place = der.length - 5;
  der.writeUInt8(der.readUInt8(place) ^ 0x10, place);
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
}
