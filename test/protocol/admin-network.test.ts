import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { writeCertificate } from '../support/certificate.ts';
import { rackFor } from '../support/netns.ts';
import { runChecked } from '../support/process.ts';
import { PROGRAM } from '../support/program.ts';
import { serviceFor } from '../support/service.ts';

test('an admin app on the network asks for a token made on its host, which outlives a restart and is in no log', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-tls-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const tls = await writeCertificate(folder, '192.168.0.254');
  const { server, clients } = await rackFor(t);
  const [client] = clients;
  await client?.ip('addr add 192.168.0.200/24 dev eth0', 'link set eth0 up');
  const service = await serviceFor(t, server, {
    top: {
      admin: { listen: '192.168.0.254:9080', names: ['rack.example'], tls },
      // Its unix socket is then where the test looks for the service.
      store: { lmdb: '..' },
    },
  });
  const curl = (path: string, ...options: string[]) =>
    runChecked(
      client?.command([
        ...['curl', '-sS', '-w', '\n%{http_code}', '--cacert', tls.certificate, ...options],
        `https://192.168.0.254:9080${path}`,
      ]) ?? [],
    );
  const statusOf = async (path: string, ...options: string[]) =>
    (await curl(path, ...options)).split('\n').at(-1);

  t.is(await statusOf('/healthz'), '200');
  t.is(await statusOf('/v1/me'), '401');
  t.is(await statusOf('/v1/me', '-H', 'host: evil.example'), '403');

  const create = ['token', 'create', '--name', 'ci', '--role', 'operator'];
  const config = ['--config', join(service.directory, 'config')];
  const token = (await runChecked([...PROGRAM, ...create, ...config])).trim();
  const bearer = ['-H', `authorization: Bearer ${token}`];
  t.is(await curl('/v1/me', ...bearer), '{"name":"ci","role":"operator"}\n200');
  t.is(await statusOf('/v1/me', ...bearer, '-H', 'host: rack.example'), '200');
  t.is(await statusOf('/v1/tokens', ...bearer), '403');
  t.is(await statusOf('/v1/machines/52:54:00:00:00:07/approve', '-X', 'POST', ...bearer), '200');
  t.is(await statusOf('/v1/me', '-H', `authorization: Bearer rs_${'x'.repeat(43)}`), '401');

  const log = service.child.output();
  await service.child.stop();
  await service.restart();
  t.is(await statusOf('/v1/me', ...bearer), '200');
  const { changes } = await service.get<{ changes: { by: string; action: string }[] }>('/v1/changes');
  t.deepEqual(
    changes.map(({ by, action }) => `${by} ${action}`),
    ['ci approve', 'local create-token'],
  );
  t.false(`${log}${service.child.output()}`.includes(token.slice(3)));
});
