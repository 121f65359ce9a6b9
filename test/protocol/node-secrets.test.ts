import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import anyTest, { type ExecutionContext } from 'ava';
import { ALWAYS_BEFORE, openBootCa } from '../../src/http/boot-ca.ts';
import { issueServerCertificate } from '../../src/kubernetes/ca.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { packTar } from '../../src/provision/tar.ts';
import { folderFor } from '../support/openssl.ts';
import { type Sandbox, sandboxFor } from '../support/sandbox.ts';

// The script by which machines fetch their keys, with real curl and tar against an HTTPS server on the loopback interface.

const test = process.getuid?.() === 0 ? anyTest : anyTest.skip;

const SCRIPT = fileURLToPath(new URL('../../node-files/fetch-secrets.sh', import.meta.url));
const LOOPBACK = parseIpv4('127.0.0.1') as Ipv4;

const ARCHIVE = packTar([
  {
    path: '/etc/kubernetes/kubeconfig',
    content: Buffer.from('key\n'),
    mode: 0o600,
    user: 'root',
    group: 'root',
  },
  { path: '/opt/with space/$(x)', content: Buffer.from('odd\n'), mode: 0o640, user: 'daemon', group: 'mail' },
]);

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const archive: Answer = (response) => response.setHeader('content-type', 'application/x-tar').end(ARCHIVE);

/** A server with a certificate for `address` from a CA of its own, for the length of a test. */
async function serve(t: ExecutionContext, answer: Answer, address = LOOPBACK) {
  const folder = await folderFor(t);
  const ca = await openBootCa(folder, Date.now());
  const { certificatePem: cert, keyPem: key } = await issueServerCertificate(
    ca,
    { address, lifetime: 3600, notBefore: ALWAYS_BEFORE },
    Date.now(),
  );
  let requests = 0;
  const server: Server = createServer({ cert, key }, (request, response) => {
    requests += 1;
    answer(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}/secrets/x?token=T`,
    ca: join(folder, 'ca.crt'),
    requests: () => requests,
  };
}

/** Runs the script as its unit does; what it leaves is looked at by `look`. */
async function fetch(sandbox: Sandbox, { url, ca }: { url: string; ca: string }, look = '') {
  await writeFile(join(sandbox.folder, 'curl'), `url = "${url}"\ncacert = "${ca}"\n`);
  return sandbox.run(
    `mkdir -p /etc/rackseed; cp ${sandbox.folder}/curl /etc/rackseed/secrets.curl
    bash ${SCRIPT} /etc/rackseed/secrets.curl; echo "status $?"\n${look}`,
    { network: true },
  );
}

const NO_SLEEP = { sleep: 'exit 0' };

test('keys are put where they belong, with their modes and owners, and nothing else is left', async (t) => {
  const server = await serve(t, archive);
  const look = `stat -c '%a %U:%G %n' /etc/kubernetes/kubeconfig '/opt/with space/$(x)' '/opt/with space'
    cat /etc/kubernetes/kubeconfig; ls -A /run/rackseed /etc/rackseed /etc/kubernetes`;
  const { stdout, stderr } = await fetch(await sandboxFor(t), server, look);
  t.is(stderr, '');
  t.is(
    stdout,
    `status 0
600 root:root /etc/kubernetes/kubeconfig
640 daemon:mail /opt/with space/$(x)
755 root:root /opt/with space
key
/etc/kubernetes:
kubeconfig

/etc/rackseed:

/run/rackseed:
`,
  );
});

test('a server that another CA speaks for gets no token', async (t) => {
  const [server, other] = [await serve(t, archive), await serve(t, archive)];
  const { stdout, stderr } = await fetch(
    // A minute passes at once.
    await sandboxFor(t, { sleep: 'kill $PPID' }),
    { url: server.url, ca: other.ca },
  );
  t.notRegex(stdout, /status 0/);
  t.regex(stderr, /certificate/i);
  t.is(server.requests(), 0);
});

test('a certificate for another address is none', async (t) => {
  const server = await serve(t, archive, parseIpv4('127.0.0.2') as Ipv4);
  const { stdout } = await fetch(await sandboxFor(t, { sleep: 'kill $PPID' }), server);
  t.notRegex(stdout, /status 0/);
  t.is(server.requests(), 0);
});

test('a server that is busy is asked again, and so is one that breaks off', async (t) => {
  const answers: Answer[] = [
    (response) => response.writeHead(503).end('try again\n'),
    (response) => {
      response
        .writeHead(200, { 'content-length': String(ARCHIVE.length) })
        .write(ARCHIVE.subarray(0, 600), () => {
          response.destroy();
        });
    },
    archive,
  ];
  const server = await serve(t, (response, request) => answers.shift()?.(response, request));
  const { stdout } = await fetch(await sandboxFor(t, NO_SLEEP), server, 'cat /etc/kubernetes/kubeconfig');
  t.is(stdout, 'status 0\nkey\n');
  t.is(server.requests(), 3);
});

test('a refusal is final, and told with the server’s own words', async (t) => {
  const server = await serve(t, (response) => response.writeHead(403).end('this token is used up\n'));
  const { stdout, stderr } = await fetch(
    await sandboxFor(t, NO_SLEEP),
    server,
    'ls /etc/kubernetes 2>/dev/null',
  );
  t.is(stdout, 'status 1\n');
  t.is(stderr, "the server refuses this machine's keys (403): this token is used up\n");
  t.is(server.requests(), 1);
});

test('an answer that is no archive writes nothing', async (t) => {
  const server = await serve(t, (response) => response.end('not an archive'));
  const { stdout } = await fetch(await sandboxFor(t, NO_SLEEP), server, 'ls -A /opt /run/rackseed');
  t.regex(stdout, /^status [12]\n\/opt:\n\n\/run\/rackseed:\n$/);
});
