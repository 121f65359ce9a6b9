import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { duplexPair } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { LOADERS } from '../../../src/boot/loaders.ts';
import type { HttpEvent } from '../../../src/http/events.ts';
import { FileCache } from '../../../src/http/file-cache.ts';
import { GuessLimit } from '../../../src/http/guess-limit.ts';
import { createProvisioningApp } from '../../../src/http/provisioning.ts';
import { RenderedDocuments } from '../../../src/http/rendered-documents.ts';
import { Turns } from '../../../src/http/turns.ts';
import { identify } from '../../../src/machines/identity.ts';
import { KNOWN, NETWORK, testConfig, testTokens, UUID } from '../../support/provisioning.ts';
import type { FuzzTarget } from '../target.ts';

/** What is served; what lies beside it must never be. */
const SERVED = fileURLToPath(new URL('../../fixtures/', import.meta.url));
/** Stands in this very file, which isn't served. */
const CANARY = 'nobody may read this by HTTP';
const MINUTE = 60_000;
const TOKEN = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG';
const MAC = '52-54-00-00-00-01';

const get = (path: string, ...headers: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: 192.168.0.254', ...headers, '', ''].join('\r\n');
const post = (path: string, body: string, type = 'application/x-www-form-urlencoded') =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: x',
    `Content-Type: ${type}`,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');

const SEEDS = [
  get('/'),
  get('/boot.ipxe'),
  get(`/ipxe?mac=${MAC}&uuid=${UUID}&serial=a%20b&manufacturer=Dell&platform=efi`),
  get('/ipxe?mac=52-54-00-00-00-99&serial=$' + '{net0/mac}'),
  get(`/metadata?uuid=${UUID}`),
  get(`/cloud-config/${MAC}?token=${TOKEN}`),
  get(`/ignition?mac=${MAC}`, 'Accept: application/vnd.coreos.ignition+json;version=3.3.0'),
  get(`/nocloud/${MAC}/${TOKEN}/user-data`),
  get('/assets/dhcp/README.md', 'Range: bytes=0-9'),
  get('/assets/pcap/../../fuzz/targets/http-server.ts'),
  get('/assets/dhcp/%2e%2e/%2e%2e/fuzz/main.ts', 'If-None-Match: *'),
  get('/firmware/README.md').replace('GET', 'HEAD'),
  get(`/pxelinux.cfg/01-${MAC}`) + get('/grub.cfg-01-52-54-00-00-00-02') + get('/autoexec.ipxe'),
  post(`/phone-home/${MAC}`, 'stage=up&detail=it+is'),
  post(`/phone-home/${MAC}`, '{"stage":"up","detail":["x"]}', 'application/json'),
  'POST /phone-home/52-54-00-00-00-01 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
];

/** The HTTP server for machines, from the first byte of a connection to the last. */
export const target: FuzzTarget = {
  name: 'http-server',
  about: 'what a client sends in one connection to the HTTP server for machines',
  seeds: () => SEEDS.map((text) => Buffer.from(text, 'latin1')),
  tokens: () =>
    [
      '\r\n',
      '\r\n\r\n',
      'GET /',
      'HEAD /assets/',
      '../',
      '%2e%2e%2f',
      '%00',
      '?mac=',
      '&mac=',
      'Range: bytes=-5\r\n',
      '; charset=x',
    ]
      .concat([
        'Content-Length: 9\r\n',
        'Transfer-Encoding: chunked\r\n',
        'Expect: 100-continue\r\n',
        '__proto__',
        '//',
        MAC,
        TOKEN,
      ])
      .concat(['Connection: close\r\n', 'Upgrade: h2c\r\n', ' HTTP/1.0\r\n', '{"__proto__":1}'])
      .map((text) => Buffer.from(text, 'latin1')),
  maxLength: 12_000,
  limit: 1_000,
  async run(bytes) {
    const { app, events } = await server();
    events.length = 0;
    const answer = await converse(app, bytes);
    assert.ok(!answer.includes(CANARY), 'what lies beside the served folder is not served');
    const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status = '']) => status);
    assert.ok(answer === '' || answer.startsWith('HTTP/1.1 '), 'an answer begins with its status');
    for (const status of statuses) assert.notEqual(status, '500', 'nothing fails in the server');
    for (const event of events) {
      if (event.type === 'refused') assert.ok(!event.reason.includes(TOKEN), 'a token is told');
      assert.ok(JSON.stringify(event).length < 20_000, 'an event is bounded');
    }
    return [`statuses ${statuses.slice(0, 2).join()}`, ...events.map(wordFor)];
  },
};

function wordFor(event: HttpEvent): string {
  return event.type === 'refused' ? `refused ${event.status} ${event.route}` : event.type;
}

interface TestServer {
  readonly app: FastifyInstance;
  readonly events: HttpEvent[];
}

let started: Promise<TestServer> | undefined;

/** One server for all inputs, as it takes long to make. An hour passes with each look at the clock, so that no limit stays. */
function server(): Promise<TestServer> {
  started ??= start();
  return started;
}

async function start(): Promise<TestServer> {
  const config = testConfig({
    assets: { directory: SERVED, memory: 1 << 20 },
    firmware: { directory: SERVED, loaders: LOADERS },
  });
  const events: HttpEvent[] = [];
  let now = 0;
  const app = createProvisioningApp({
    network: NETWORK,
    config: () => config,
    identify: (mac) => identify(config, mac),
    cache: new FileCache(() => 1 << 20),
    fillArgs: () => ['console=ttyS0'],
    renderDocument: async ({ hostname }) => ({ text: `#cloud-config\nhostname: ${hostname}\n` }),
    rendered: new RenderedDocuments(),
    tokens: testTokens(),
    guesses: new GuessLimit(),
    bootCa: () => 'CA\n',
    checkFile: async () => {},
    turns: new Turns(() => performance.now()),
    now: () => {
      now += 60 * MINUTE;
      return now;
    },
    leasedAddress: () => '127.0.0.1',
    machineAt: () => KNOWN,
    findByUuid: (uuid) => (uuid === UUID ? KNOWN : undefined),
    onInventory: () => {},
    observe: (event) => events.push(event),
    ready: () => true,
    logger: pino({ level: 'silent' }),
  });
  await app.ready();
  return { app, events };
}

/** Sends the bytes in one connection, which ends when everything is answered that was asked; gives all that came back. */
async function converse(app: FastifyInstance, bytes: Uint8Array): Promise<string> {
  const [client, connection] = duplexPair();
  // The parts of a socket that the server looks at.
  Object.assign(connection, { remoteAddress: '127.0.0.1', setTimeout: () => connection });
  const running = new Map<ServerResponse, IncomingMessage>();
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    running.set(response, request);
    response.once('close', () => running.delete(response));
  };
  app.server.on('request', onRequest);
  app.server.emit('connection', connection);
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = once(connection, 'close');
  client.write(bytes);
  await turn();
  // One whose body is missing is never answered, and none is behind the last that the server wants to answer.
  const isAwaited = () => [...running.values()].some(({ complete }) => complete);
  while (!connection.writableEnded && isAwaited()) await turn();
  client.end();
  await closed;
  await turn();
  app.server.off('request', onRequest);
  return Buffer.concat(chunks).toString('latin1');
}

/** Gives everything else that can go on the time to. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
