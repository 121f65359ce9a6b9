import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Mac } from '../../src/net/mac.ts';
import { AS_FIRMWARE, curl, documentUrl, lease } from '../support/machine.ts';
import { type Namespace, rackFor } from '../support/netns.ts';
import { run } from '../support/process.ts';
import { serviceFor } from '../support/service.ts';

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
const YEAR_1970 = '@1970-01-01 00:01:00';

test('a clock that is set by a day, or to 1970 and right again: no address is given twice, and boots go on', async (t) => {
  const { server, clients, macs } = await rackFor(t, 3);
  const [first, second, third] = clients as [Namespace, Namespace, Namespace];
  const [mac, otherMac, strangerMac] = macs as [Mac, Mac, Mac];
  const scratch = join(tmpdir(), `rackseed-test-clock-${process.pid}`);
  t.teardown(() => rm(scratch, { force: true }));
  const setClock = (setting: string) => writeFile(scratch, setting);
  await setClock('+0');
  const fake = [
    ...[`LD_PRELOAD=${LIBRARY}`, `FAKETIME_TIMESTAMP_FILE=${scratch}`, 'FAKETIME_CACHE_DURATION=1'],
    'FAKETIME_DONT_FAKE_MONOTONIC=1',
  ];
  const underFake: Namespace = { ...server, command: (argv) => server.command(['env', ...fake, ...argv]) };
  const service = await serviceFor(t, underFake, {
    dhcp: { range: '192.168.0.1-192.168.0.2' },
    machines: [{ mac, hostname: 'worker-01' }],
  });
  const addresses = [await lease(service, first, mac, AS_FIRMWARE), await lease(service, second, otherMac)];
  const url = await documentUrl(first, mac);

  /** The two keep what they have, which nobody else gets. */
  const nothingHasChanged = async (when: string) => {
    for (const client of [first, second]) await client.ip('address flush dev eth0');
    const asked = await run(
      third.command(['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '2', '-T', '1', '-s', '/bin/true']),
    );
    t.notRegex(asked.stderr, /lease of/, when);
    const now = [await lease(service, first, mac, AS_FIRMWARE), await lease(service, second, otherMac)];
    t.deepEqual(now, addresses, when);
    t.is((await service.api.leases()).length, 2, when);
  };

  await setClock('+86400');
  await service.child.waitFor(/clock was set forward from \S+ to \S+; leases and boot tokens last as long/);
  t.is((await curl(first, url)).status, 200, 'the token of a boot that goes on is still good');
  await nothingHasChanged('a day later');
  await setClock('+0');
  await service.child.waitFor(/clock was set back from/);
  await nothingHasChanged('a day earlier');

  await setClock(YEAR_1970);
  await service.child.waitFor(/clock says 1970: certificates made now are no good to machines; set it/);
  await nothingHasChanged('in 1970');
  t.is(await service.metric('rackseed_trouble', 'subject="clock"'), 1);
  service.child.kill('SIGKILL');
  await service.restart();
  await nothingHasChanged('after a restart in 1970');

  await setClock('+0');
  await service.child.waitFor(/this host's clock has been set/);
  await nothingHasChanged('when the clock is right again');
  t.is(
    (await service.api.leases()).find(({ mac: own }) => own === strangerMac),
    undefined,
  );
  const certificate = `openssl s_client -connect 192.168.0.254:443 </dev/null 2>/dev/null | openssl x509 -noout -checkend 86400`;
  t.is((await run(first.command(['sh', '-c', certificate]))).code, 0, 'the HTTPS certificate is good');
});
