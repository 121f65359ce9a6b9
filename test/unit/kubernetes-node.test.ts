import { mock } from 'node:test';
import type { V1Secret } from '@kubernetes/client-node';
import test from 'ava';
import type { ClusterApi } from '../../src/kubernetes/api.ts';
import type { KubernetesEvent } from '../../src/kubernetes/events.ts';
import { MachineTokens } from '../../src/kubernetes/machine-tokens.ts';
import { nodeLabels } from '../../src/kubernetes/node-labels.ts';
import { followNode, type NodeObject, type NodeProgress } from '../../src/kubernetes/node-state.ts';
import { backOff } from '../../src/kubernetes/retry.ts';
import { HostnameIndex } from '../../src/machines/hostnames.ts';
import type { Mac } from '../../src/net/mac.ts';

const BEGAN = Date.UTC(2026, 0, 1, 12, 0, 0, 500);
const at = (seconds: number) => `2026-01-01T12:00:${String(seconds).padStart(2, '0')}Z`;
const OLD = '2025-12-24T00:00:00Z';

interface Seen {
  readonly bootId: string;
  readonly created?: string;
  readonly ready?: boolean;
  readonly since?: string;
}

const node = ({ bootId, created = OLD, ready = false, since = OLD }: Seen): NodeObject => ({
  metadata: { name: 'worker-01', creationTimestamp: created },
  status: {
    nodeInfo: { bootID: bootId },
    conditions: [
      { type: 'MemoryPressure', status: 'False' },
      { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: since },
    ],
  },
});

const STORIES: readonly {
  readonly title: string;
  readonly seen: readonly Seen[];
  readonly reached: string[][];
}[] = [
  {
    title: 'a new machine registers, then becomes ready, once each',
    seen: [
      { bootId: 'a', created: at(43) },
      { bootId: 'a', created: at(43) },
      { bootId: 'a', created: at(43), ready: true, since: at(48) },
      { bootId: 'a', created: at(43), ready: true, since: at(48) },
    ],
    reached: [['registered'], [], ['ready'], []],
  },
  {
    title: 'the Ready of the boot before means nothing; a new boot ID does',
    seen: [
      { bootId: 'a', ready: true },
      { bootId: 'a', ready: true },
      { bootId: 'b', ready: false, since: at(43) },
      { bootId: 'b', ready: true, since: at(48) },
    ],
    reached: [[], [], ['registered'], ['ready']],
  },
  {
    title: 'a node can come back Ready at once',
    seen: [
      { bootId: 'a', ready: true },
      { bootId: 'b', ready: true },
    ],
    reached: [[], ['registered', 'ready']],
  },
  {
    title: 'a node that loses and regains Ready in one boot is told of once',
    seen: [
      { bootId: 'a', created: at(1), ready: true },
      { bootId: 'a', created: at(1), ready: false },
      { bootId: 'a', created: at(1), ready: true },
    ],
    reached: [['registered', 'ready'], [], []],
  },
  {
    title: 'a node first seen after it became Ready in this boot has done both',
    seen: [{ bootId: 'b', ready: true, since: at(48) }],
    reached: [['registered', 'ready']],
  },
  {
    title: 'a node made in the second in which the boot began is of this boot',
    seen: [{ bootId: 'a', created: at(0) }],
    reached: [['registered']],
  },
  {
    title: 'a Node object without a boot ID is not a kubelet yet',
    seen: [
      { bootId: '', created: at(1) },
      { bootId: 'a', created: at(1) },
    ],
    reached: [[], ['registered']],
  },
];
for (const { title, seen, reached } of STORIES) {
  test(title, (t) => {
    let progress: NodeProgress | undefined;
    const told = seen.map((state) => {
      const step = followNode(progress, node(state), BEGAN);
      progress = step.progress;
      return [...step.reached];
    });
    t.deepEqual(told, reached);
  });
}

test('a machine that never booted here says nothing until its boot ID changes', (t) => {
  const first = followNode(undefined, node({ bootId: 'a', created: at(43), ready: true }), undefined);
  t.deepEqual(first.reached, []);
  t.deepEqual(followNode(first.progress, node({ bootId: 'b' }), undefined).reached, ['registered']);
});

test("a node's labels are its role and its profile's", (t) => {
  const labels = { rack: 'r1' };
  t.deepEqual(nodeLabels({ role: 'worker', labels }), { rack: 'r1', 'node-role.kubernetes.io/worker': '' });
  t.deepEqual(nodeLabels({ role: 'controller', labels: {} }), {
    'node-role.kubernetes.io/control-plane': '',
  });
});

test('pauses between attempts double, up to a minute', (t) => {
  t.deepEqual([1, 2, 3, 7, 8, 100].map(backOff), [1_000, 2_000, 4_000, 60_000, 60_000, 60_000]);
});

test('machines are found by the names they have now', (t) => {
  const second = '52:54:00:00:00:02' as Mac;
  const names = new Map<Mac, string>([
    ['52:54:00:00:00:01' as Mac, 'worker-01'],
    [second, 'worker-02'],
  ]);
  let walks = 0;
  const index = new HostnameIndex({
    machines: () => {
      walks += 1;
      return names.keys();
    },
    hostnameOf: (mac) => names.get(mac) ?? '',
  });
  t.is(index.find('worker-02', 0), second);
  names.set(second, 'worker-07');
  t.is(index.find('worker-02', 1_000), undefined);
  t.is(index.find('worker-07', 1_500), second);
  const before = walks;
  for (let i = 0; i < 100; i += 1) t.is(index.find('stranger', 1_999), undefined);
  t.is(walks, before, 'strangers do not cost a walk each');
});

/** A double of the API that only counts Secrets. */
function apiDouble() {
  const secrets = new Map<string, V1Secret>();
  const api: ClusterApi = {
    createSecret: async (secret) => void secrets.set(secret.metadata?.name ?? '', secret),
    deleteSecret: async (name) => void secrets.delete(name),
    decide: async () => {},
    label: async () => {},
    watch: () => () => {},
    report: () => {},
  };
  return { api, secrets };
}

test.serial(
  'a token ends after 15 minutes, half a minute after its certificate was issued, or with the next boot',
  async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.teardown(() => mock.timers.reset());
    const { api, secrets } = apiDouble();
    const events: KubernetesEvent[] = [];
    const tokens = new MachineTokens({ api, observe: (event) => events.push(event) });
    const deleted = () => events.flatMap((event) => (event.type === 'token-deleted' ? event.reason : []));
    const settle = () => new Promise((resolve) => setImmediate(resolve));

    const unused = await tokens.for('worker-01', 'a', 0);
    t.is(secrets.size, 1);
    mock.timers.tick(15 * 60_000 - 1);
    t.is(tokens.find(unused.id)?.nodeName, 'worker-01');
    mock.timers.tick(1);
    await settle();
    t.deepEqual([secrets.size, deleted(), tokens.find(unused.id)], [0, ['expired'], undefined]);

    const used = await tokens.for('worker-01', 'a', 0);
    tokens.use(used.id, 'csr-1');
    tokens.issued('csr-1');
    mock.timers.tick(20_000);
    tokens.issued('csr-1');
    t.is(secrets.size, 1, 'the kubelet has yet to fetch its certificate');
    mock.timers.tick(10_000);
    await settle();
    t.deepEqual([secrets.size, deleted()], [0, ['expired', 'used']]);

    const first = await tokens.for('worker-01', 'a', 0);
    t.is((await tokens.for('worker-01', 'a', 119_999)).id, first.id);
    const second = await tokens.for('worker-01', 'a', 120_000);
    await settle();
    t.not(second.id, first.id);
    t.deepEqual([secrets.size, deleted()], [1, ['expired', 'used', 'replaced']]);
  },
);
