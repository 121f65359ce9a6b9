import test from 'ava';
import { pino } from 'pino';
import { openCluster } from '../../src/cluster-service.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { composeRack } from '../../src/rack-service.ts';
import { doubleFor, eventually } from '../support/cluster.ts';
import { good, RACKSEED } from '../support/config.ts';
import { MemoryStore } from '../support/rack.ts';

const MAC = '52:54:00:12:34:56' as Mac;

test('a worker that booted here is registered and ready in its timeline, with its role and labels', async (t) => {
  const cluster = await doubleFor(t);
  const config = good({
    'rackseed.yaml': `${RACKSEED}kubernetes: { server: "${cluster.server}", ca: ${cluster.ca.certificate}, ca_key: ${cluster.ca.key}, kubeconfig: ${cluster.serviceKubeconfig} }\n`,
    'profiles/worker.yaml':
      'boot: { image: flatcar/1 }\nkubernetes: { role: worker, labels: { rack: "{{ machine.labels.rack }}" } }\n',
    'machines/all.yaml': `machines: [{ mac: "${MAC}", hostname: worker-01, labels: { rack: r7 } }]\n`,
  });
  const lines: string[] = [];
  const rack = composeRack({
    config: () => config,
    store: new MemoryStore(),
    isLoader: () => false,
    wake: async () => {},
    onEntry: ({ hostname, kind, detail }) => lines.push(`${hostname} ${kind}: ${detail}`),
    onWarning: (warning) => t.fail(warning),
    onError: (error) => t.fail(error.message),
    now: Date.now,
  });
  const { registry, identifier } = rack;
  const tracker = rack.tracker('kubernetes1');
  registry.see(MAC, 'kubernetes1', Date.now(), { address: parseIpv4('192.168.0.1') ?? t.fail() });
  registry.record(MAC, 'discover', 'iPXE asks for an address', Date.now());

  const { kubernetes } = config;
  if (!kubernetes) return t.fail();
  const service = openCluster(kubernetes, {
    config: () => config,
    registry,
    identifier,
    mainCard: (mac) => rack.rack.machine(mac)?.mac ?? mac,
    logger: pino({ level: 'silent' }),
    onNode: (mac, stage) => tracker.node(mac, stage, Date.now()),
  });
  t.teardown(() => service.stop());
  const { kubeconfig } = await service.joiner.join('worker-01', MAC);
  const status = (isReady: boolean) => ({
    nodeInfo: { bootID: 'boot-1' },
    conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
  });
  const name = '/api/v1/nodes/worker-01';
  await cluster.ask(kubeconfig, 'POST', '/api/v1/nodes', {
    metadata: { name: 'worker-01' },
    status: status(false),
  });
  await eventually(() => lines.length === 1);
  await cluster.ask(kubeconfig, 'PATCH', `${name}/status`, { status: status(true) });
  await eventually(() => lines.length === 2);
  t.regex(lines[0] ?? '', /^worker-01 registered: has registered after [\d.]+ s$/);
  t.regex(lines[1] ?? '', /^worker-01 ready: is Ready after [\d.]+ s$/);
  let labels: Readonly<Record<string, string>> | undefined;
  await eventually(async () => {
    ({ labels } = (await cluster.admin('GET', name)).body.metadata ?? {});
    return labels !== undefined;
  });
  t.deepEqual(labels, { rack: 'r7', 'node-role.kubernetes.io/worker': '' });
});
