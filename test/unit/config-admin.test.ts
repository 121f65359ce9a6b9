import test from 'ava';
import { good, problems, RACKSEED } from '../support/config.ts';

const withAdmin = (admin: string, rest = '') => ({ 'rackseed.yaml': `${RACKSEED}admin: ${admin}\n${rest}` });
const adminOf = (admin: string, rest = '') => good(withAdmin(admin, rest)).admin;

for (const [listen, local] of [
  ['127.0.0.1:9080', { host: '127.0.0.1', port: 9080 }],
  ['[::1]:9080', { host: '::1', port: 9080 }],
  ['unix:/run/rackseed.sock', { path: '/run/rackseed.sock' }],
  ['0.0.0.0:9080', { path: '/var/lib/rackseed/admin.sock' }],
  ['192.168.0.254:443', { path: '/var/lib/rackseed/admin.sock' }],
] as const) {
  test(`when the admin app listens on ${listen}, commands on this host come in without a token`, (t) => {
    t.deepEqual(adminOf(`{ listen: "${listen}" }`).local, local);
  });
}

test('with TLS, commands on this host use a unix socket beside the store', (t) => {
  const admin = adminOf('{ tls: { certificate: a.secret, key: /b.secret } }', 'store: { lmdb: ../store }\n');
  t.deepEqual(admin, {
    listen: { host: '127.0.0.1', port: 9080 },
    local: { path: '/etc/store/admin.sock' },
    names: [],
    tls: { certificate: '/etc/rackseed/a.secret', key: '/b.secret' },
  });
});

test('names are compared in lower case and without a dot at their end', (t) => {
  t.deepEqual(adminOf('{ names: [Rack.Example.com, rack.] }').names, ['rack.example.com', 'rack']);
});

const LONG = `/run/${'x'.repeat(110)}`;

for (const [what, files, ...expected] of [
  [
    'half of tls',
    withAdmin('{ tls: { key: /a.secret } }'),
    'config/rackseed.yaml:9: admin.tls.certificate: is missing (expected a file such as /etc/rackseed/admin.crt)',
  ],
  [
    'tls on a unix socket',
    withAdmin('{ listen: "unix:/x", tls: { certificate: a.secret, key: a.secret } }'),
    'config/rackseed.yaml:9: admin.tls: is of no use on a unix socket (expected an address in listen, or no tls)',
  ],
  [
    'a certificate that is not there',
    withAdmin('{ tls: { certificate: a.crt, key: a.secret } }'),
    "config/rackseed.yaml:9: admin.tls.certificate: /etc/rackseed/a.crt can't be read or is empty (expected a PEM file)",
  ],
  [
    'a name that is none',
    withAdmin('{ names: ["a b"] }'),
    'config/rackseed.yaml:9: admin.names[0]: "a b" is not a domain name (expected for example kubernetes.local)',
  ],
  [
    'a socket whose path is too long',
    withAdmin(`{ listen: "unix:${LONG}" }`),
    `config/rackseed.yaml:9: admin.listen: ${LONG} is too long for a unix socket (expected at most 107 bytes)`,
  ],
  [
    'a store whose path is too long for a socket in it',
    withAdmin('{ listen: "0.0.0.0:1" }', `store: { lmdb: ${LONG} }\n`),
    `config/rackseed.yaml:10: store.lmdb: ${LONG}/admin.sock is too long for a unix socket (expected a shorter path)`,
  ],
] as const) {
  test(`an admin section with ${what} is refused with a reason`, (t) => {
    t.deepEqual(problems(files), [...expected]);
  });
}
