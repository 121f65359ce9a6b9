import test from 'ava';
import { rackFor } from '../support/netns.ts';
import { run, startFor } from '../support/process.ts';
import { serveCommand, serviceFor } from '../support/service.ts';

const DNSMASQ = ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--user=root', '--pid-file='];
const QUIET = ['--port=0', '--log-facility=-'];

/** Who has a port, and what the service says of it; %HOLDER% stands for its name and process id. */
const HOLDERS: readonly { name: string; argv: readonly string[]; ready?: RegExp; says: string }[] = [
  {
    name: 'dnsmasq',
    argv: [...DNSMASQ, ...QUIET, '--interface=rack0', '--dhcp-range=192.168.0.10,192.168.0.20'],
    ready: /DHCP, IP range/,
    says: 'cannot listen on UDP port 67 on rack0 (192.168.0.254): %HOLDER% already does; stop it first',
  },
  {
    name: 'dnsmasq',
    argv: [...DNSMASQ, ...QUIET, '--enable-tftp', '--tftp-root=/var/empty', '--tftp-no-fail'],
    ready: /TFTP root is/,
    says: 'cannot listen on UDP port 69 (TFTP) on 192.168.0.254: %HOLDER% already does; stop it first',
  },
  {
    name: 'busybox',
    argv: ['busybox', 'httpd', '-f', '-p', '8080'],
    says: 'cannot listen on TCP port 8080 on 192.168.0.254: %HOLDER% already does; stop it first, or set another port as http.port of kubernetes1',
  },
];

test('a port that another program has is named at the start, with who has it and what to do', async (t) => {
  const { server } = await rackFor(t);
  const service = await serviceFor(t, server, { network: { http: { port: 8080 } } });
  await service.child.stop();
  const serve = serveCommand(service);

  for (const { name, argv, ready, says } of HOLDERS) {
    const holder = await startFor(t, server.command(argv));
    if (ready) await holder.waitFor(ready);
    const { code, stderr } = await run(server.command(serve), { timeout: 30_000 });
    await holder.stop();
    t.is(code, 1, stderr);
    t.is(stderr, `rackseed: ${says.replace('%HOLDER%', `${name} (pid ${holder.pid})`)}\n`);
  }
  await service.restart();
  t.true(await service.api.isReady(), 'with all of them gone it starts');
});
