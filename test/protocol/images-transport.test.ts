import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, stat } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { createThrottle } from '../../src/images/throttle.ts';
import { Web, WebRefusal } from '../../src/images/web.ts';
import { run } from '../support/process.ts';
import { ReleaseServer } from '../support/release-server.ts';
import { INITRD, makeSite } from '../support/releases.ts';

const web = (t: { teardown(end: () => Promise<void>): void }, retryDelay = 1) => {
  const client = new Web({ silence: 1000, retryDelay });
  t.teardown(() => client.close());
  return client;
};

test('a server in trouble is asked again, and one that says no is not', async (t) => {
  const server = await ReleaseServer.start(t);
  server.publish('/a', 'here');
  let troubles = 2;
  server.misbehave((_, response) => {
    if (troubles === 0) return false;
    troubles -= 1;
    response.writeHead(503).end();
    return true;
  });
  t.is(await web(t).text(`${server.url}/a`), 'here');
  t.is(server.requests.length, 3);
  await t.throwsAsync(web(t).text(`${server.url}/b`), {
    instanceOf: WebRefusal,
    message: /\/b answers 404: there is no such file$/,
  });
  t.is(server.requests.length, 4);
  t.is(await web(t).find(`${server.url}/b`), undefined);
});

test('redirects are followed, but not in a circle', async (t) => {
  const server = await ReleaseServer.start(t);
  server.publish('/there', 'found');
  server.misbehave((request, response) => {
    const location = { '/here': '/there', '/circle': '/circle' }[request.url ?? ''];
    if (location === undefined) return false;
    response.writeHead(302, { location }).end();
    return true;
  });
  t.is(await web(t).text(`${server.url}/here`), 'found');
  await t.throwsAsync(web(t).text(`${server.url}/circle`), { message: /circle answers 302/ });
});

test('a description without an end is not read into memory', async (t) => {
  const server = await ReleaseServer.start(t);
  server.misbehave((_, response) => {
    const chunk = Buffer.alloc(64 * 1024);
    const more = () => {
      while (response.write(chunk));
    };
    response.on('drain', more);
    more();
    return true;
  });
  await t.throwsAsync(web(t).text(`${server.url}/endless`), { message: /is longer than \d+ bytes/ });
});

test('a server that goes silent is given up', async (t) => {
  const server = await ReleaseServer.start(t);
  server.misbehave((_, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('a');
    return true;
  });
  const silent = new Web({ silence: 200, retryDelay: 1 });
  t.teardown(() => silent.close());
  await t.throwsAsync(silent.text(`${server.url}/a`), { message: /can't be fetched/ });
});

test.serial(
  'images come through the proxy that the environment or the configuration names, but for hosts in no_proxy',
  async (t) => {
    const server = await ReleaseServer.start(t);
    server.publish('/a', 'through the proxy');
    const asked: string[] = [];
    const proxy = createServer();
    // Clients ask for plain HTTP through a tunnel as well as with a whole URL.
    proxy.on('connect', (incoming, socket) => {
      asked.push(incoming.url ?? '');
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      const target = connect(Number(new URL(server.url).port), '127.0.0.1');
      target
        .on('error', () => {})
        .pipe(socket.on('error', () => {}))
        .pipe(target);
      t.teardown(() => target.destroy());
    });
    proxy.on('request', (incoming, response) => {
      asked.push(incoming.url ?? '');
      const { pathname } = new URL(incoming.url ?? '', server.url);
      request(server.url + pathname, (answer) => answer.pipe(response)).end();
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    t.teardown(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const { http_proxy, no_proxy } = process.env;
    t.teardown(() => {
      for (const [name, value] of Object.entries({ http_proxy, no_proxy })) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    });
    const http = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    process.env.http_proxy = http;
    delete process.env.no_proxy;
    t.is(await web(t).text('http://releases.example/a'), 'through the proxy');
    t.regex(asked.join(), /releases\.example/);
    process.env.no_proxy = '127.0.0.1';
    asked.length = 0;
    t.is(await web(t).text(`${server.url}/a`), 'through the proxy');
    t.deepEqual(asked, []);

    delete process.env.http_proxy;
    const named = new Web({ retryDelay: 1, proxy: { http, noProxy: ['127.0.0.1'] } });
    t.teardown(() => named.close());
    t.is(await named.text('http://releases.example/a'), 'through the proxy');
    t.regex(asked.join(), /releases\.example/);
    asked.length = 0;
    t.is(await named.text(`${server.url}/a`), 'through the proxy');
    t.deepEqual(asked, []);
  },
);

test('a bandwidth limit is kept by all downloads together', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5', { kernel: randomBytes(500_000), initrd: randomBytes(500_000) });
  const began = performance.now();
  await site.pull('flatcar', { throttle: createThrottle(1_000_000) });
  // A quarter of a second's worth may come at once.
  t.true(performance.now() - began >= 700);
});

test('progress of every file is told, up to its whole size', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar');
  const last = site.events.findLast((event) => event.type === 'progress' && event.file === INITRD);
  t.deepEqual(last, { type: 'progress', file: INITRD, bytes: 1_000_000, size: 1_000_000 });
  t.is(site.events[0]?.type, 'found');
  t.is(site.events.filter(({ type }) => type === 'file').length, 2);
});

for (const [what, tells] of [
  ['before it begins, when the server tells how much it is', true],
  ['as soon as it is full, when the server does not', false],
] as const) {
  test(`a disk that is too small is told ${what}, and what is here stays`, async (t) => {
    const site = await makeSite(t);
    await site.publishFlatcar('4593.2.5', { kernel: randomBytes(100_000), initrd: randomBytes(3_000_000) });
    const assets = join(site.folder, 'small');
    await mkdir(assets);
    await run(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', assets]);
    t.teardown(() => run(['umount', assets]));
    site.server.misbehave((incoming, response, file) => {
      if (tells || !file || !incoming.url?.endsWith(INITRD)) return false;
      response.writeHead(200, { 'transfer-encoding': 'chunked' }).end(file.bytes);
      return true;
    });
    await t.throwsAsync(site.pull('flatcar', { assets }), {
      message: tells
        ? /there is no room for flatcar_production_pxe_image\.cpio\.gz in .*: it needs 3\.0 MB and there are 2\.\d MB\. "rackseed images list" shows what could go/
        : /there is no room for .*: the file system is full\./,
    });
    await t.throwsAsync(stat(join(assets, 'flatcar')), { code: 'ENOENT' });
  });
}
