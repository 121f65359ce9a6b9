import test from 'ava';
import { load } from 'js-yaml';
import { proxyEnvironment } from '../../src/mirror/environment.ts';
import { registryConfig } from '../../src/mirror/registry-config.ts';
import { lastWords } from '../../src/mirror/words.ts';

const SETTINGS = {
  listen: '192.168.0.254:5000',
  storage: '/var/lib/rackseed/mirror/docker.io/storage',
  certificate: '/c',
  key: '/k',
};

test('a registry is told whom to mirror, where to answer and with which certificate', (t) => {
  const login = { username: 'me', password: 'p: "x"\n# {{' };
  const config = load(registryConfig({ ...SETTINGS, upstream: { url: 'https://a.example', login } }));
  t.like(config, {
    storage: { filesystem: { rootdirectory: SETTINGS.storage }, delete: { enabled: true } },
    http: { addr: SETTINGS.listen, tls: { certificate: '/c', key: '/k', minimumtls: 'tls1.2' } },
    proxy: { remoteurl: 'https://a.example', ...login },
  });
});

test('a registry that mirrors nobody at the moment is read only', (t) => {
  const config = load(registryConfig(SETTINGS)) as { proxy?: unknown; storage: object };
  t.is(config.proxy, undefined);
  t.like(config.storage, { maintenance: { readonly: { enabled: true } } });
});

const SAID: readonly [what: string, output: string, words: string | undefined][] = [
  ['nothing', '', undefined],
  [
    'a port that is taken',
    'time="2026-11-21T18:15:42Z" level=warning msg="No HTTP secret provided" version=2\n' +
      'time="2026-11-21T18:15:43Z" level=fatal msg="listen tcp 127.0.0.1:5000: bind: address already in use" version=2\n',
    'listen tcp 127.0.0.1:5000: bind: address already in use',
  ],
  [
    'why it panicked, without the stack',
    'panic: Get "http://10.0.0.1:5990/v2/": dial tcp 10.0.0.1:5990: connect: connection refused\n\ngoroutine 1 [running]:\nmain.main()\n',
    'Get "http://10.0.0.1:5990/v2/": dial tcp 10.0.0.1:5990: connect: connection refused',
  ],
  ['an escaped quote', 'time="x" level=error msg="bad \\"tag\\"" a=1\n', 'bad "tag"'],
  ['warnings only', 'time="x" level=warning msg="careful" a=1\n', undefined],
  ['a long line', `panic: ${'x'.repeat(1000)}`, `${'x'.repeat(300)}…`],
];

for (const [what, output, words] of SAID) {
  test(`of what a registry said at its end, ${what} is told`, (t) => t.is(lastWords(output), words));
}

test('a mirror takes the proxies of the configuration, and without any those of the environment', (t) => {
  const environment = { http_proxy: 'http://a', HTTPS_PROXY: 'http://b', no_proxy: '', SECRET: 'x' };
  t.deepEqual(proxyEnvironment(undefined, environment), { HTTP_PROXY: 'http://a', HTTPS_PROXY: 'http://b' });
  const proxy = { https: 'http://c', noProxy: ['localhost', '.svc'] };
  t.deepEqual(proxyEnvironment(proxy, environment), { HTTPS_PROXY: 'http://c', NO_PROXY: 'localhost,.svc' });
});
