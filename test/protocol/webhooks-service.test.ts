import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { dump, load } from 'js-yaml';
import { type Namespace, rackFor } from '../support/netns.ts';
import { runChecked, startFor } from '../support/process.ts';
import { serviceFor } from '../support/service.ts';

const RECEIVER = new URL('../support/clients/webhook-receiver.mjs', import.meta.url).pathname;
const HOOK = 'http://127.0.0.1:8080/hook?key=hunter2';

/** A web server that takes the service's messages and prints them. */
async function receiverFor(t: ExecutionContext, server: Namespace) {
  const child = await startFor(t, server.command([process.execPath, RECEIVER, '127.0.0.1', '8080']));
  await child.waitFor(/listening/);
  return child;
}

/** A new machine asks for its script, and is told to wait. */
async function knock(t: ExecutionContext, server: Namespace, mac: string): Promise<void> {
  const url = `http://192.168.0.254/ipxe?mac=${mac}`;
  t.regex(await runChecked(server.command(['curl', '-sS', url])), /waiting for approval/);
}

test('webhooks hear of machines, after they were down and the service was killed too, and as soon as they are configured', async (t) => {
  const { server } = await rackFor(t);
  const service = await serviceFor(t, server, {
    top: { unknown_machines: 'hold', webhooks: [{ url: HOOK }] },
  });
  let receiver = await receiverFor(t, server);
  await knock(t, server, '52:54:00:00:00:01');
  const [first] = await receiver.waitFor(/\{.*00:01.*\}/);
  const { event, machine } = JSON.parse(first) as { event: string; machine: { mac: string; state: string } };
  t.is(event, 'discovered');
  t.like(machine, { mac: '52:54:00:00:00:01', state: 'discovered' });

  // What the receiver has printed it may not have answered yet.
  const deliveries = (outcome: string) => service.metric('rackseed_webhook_deliveries_total', outcome);
  while ((await deliveries('delivered')) < 1) await pause(50);
  await receiver.stop();
  await knock(t, server, '52:54:00:00:00:02');
  const [complaint] = await service.child.waitFor(/webhook http:\/\/127\.0\.0\.1:8080 does not work: .*/);
  // A connection kept open from before ends differently from one that is refused.
  t.regex(complaint, /(?:ECONNREFUSED|closed|ECONNRESET).*; trying again for an hour/);
  t.is(await deliveries('delivered'), 1);
  // The second try is a second later: what happened is on the disk by then.
  while ((await deliveries('failed')) < 2) await pause(50);
  service.child.kill('SIGKILL');
  receiver = await receiverFor(t, server);
  await service.restart();
  await receiver.waitFor(/\{.*00:02.*\}/);
  t.notRegex(receiver.output(), /00:01/, 'what was delivered is not sent again');

  const file = join(service.directory, 'config/rackseed.yaml');
  const settings = load(await readFile(file, 'utf8')) as object;
  await writeFile(file, dump({ ...settings, webhooks: [] }));
  await service.child.waitFor(/the configuration changed and is in use/);
  await knock(t, server, '52:54:00:00:00:03');
  await writeFile(file, dump({ ...settings, webhooks: [{ url: `${HOOK}&2` }] }));
  await service.child.waitFor(/in use[\s\S]*in use/);
  await knock(t, server, '52:54:00:00:00:04');
  await receiver.waitFor(/\{.*00:04.*\}/);
  t.notRegex(receiver.output(), /00:03/);
  t.notRegex(service.child.output(), /hunter2/);
});
