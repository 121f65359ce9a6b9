import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import test from 'ava';
import { pino } from 'pino';
import { ALWAYS_BEFORE, openBootCa } from '../../src/http/boot-ca.ts';
import { GuessLimit } from '../../src/http/guess-limit.ts';
import { createHttpsApp } from '../../src/http/https-app.ts';
import { RenderedDocuments } from '../../src/http/rendered-documents.ts';
import { Turns } from '../../src/http/turns.ts';
import { issueServerCertificate } from '../../src/kubernetes/ca.ts';
import { identify } from '../../src/machines/identity.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { folderFor } from '../support/openssl.ts';
import { run } from '../support/process.ts';
import { createTestApp, NETWORK, testConfig, testTokens } from '../support/provisioning.ts';

const LOOPBACK = parseIpv4('127.0.0.1') as Ipv4;

test('a new certificate is used without a restart, and old protocols are not spoken', async (t) => {
  const { cache } = await createTestApp(t);
  const { app, useCertificate } = createHttpsApp({
    network: NETWORK,
    config: () => testConfig(),
    identify: (mac) => identify(testConfig(), mac),
    cache,
    checkFile: async () => {},
    turns: new Turns(() => performance.now()),
    fillArgs: () => [],
    renderDocument: async () => ({ text: '' }),
    rendered: new RenderedDocuments(),
    tokens: testTokens(),
    guesses: new GuessLimit(),
    bootCa: () => '',
    now: Date.now,
    leasedAddress: () => undefined,
    machineAt: () => undefined,
    findByUuid: () => undefined,
    onInventory: () => {},
    observe: () => {},
    ready: () => true,
    logger: pino({ level: 'silent' }),
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const folder = await folderFor(t);
  const ca = await openBootCa(folder, Date.now());
  const serial = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ca: ca.pem }, () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.end();
      });
      socket.on('error', reject);
    });
  await t.throwsAsync(serial(), undefined, 'there is no certificate yet');

  const serials: string[] = [];
  for (let count = 0; count < 2; count += 1) {
    const validity = { address: LOOPBACK, lifetime: 60, notBefore: ALWAYS_BEFORE };
    useCertificate(await issueServerCertificate(ca, validity, Date.now()));
    serials.push(await serial());
  }
  t.not(serials[0], serials[1]);

  const curl = (...options: string[]) =>
    run(['curl', '-sS', '--cacert', `${folder}/ca.crt`, ...options, `https://127.0.0.1:${port}/secrets/x`]);
  t.regex((await curl()).stdout, /^"x" is not a hardware address/);
  t.not((await curl('--tls-max', '1.1')).code, 0);
  const plain = await run(['curl', '-sS', `http://127.0.0.1:${port}/`]);
  t.not(plain.code, 0, 'plain HTTP is not spoken either');
});
