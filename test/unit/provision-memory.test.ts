import { randomBytes } from 'node:crypto';
import { getHeapSnapshot, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { renderKubeconfig } from '../../src/kubernetes/kubeconfig.ts';
import { type DocumentRequest, mainRequest, renderDocument } from '../../src/provision/document.ts';
import { lasting, remember, rememberFor } from '../../src/provision/memory.ts';
import { profile } from '../support/nodes.ts';
import { DISK, JOIN, KUBERNETES } from '../support/profiles.ts';
import { withMachine } from '../support/variables.ts';

test('what becomes of a lasting object is the same object each time, and lasts too', (t) => {
  const double = rememberFor((box: { n: number }) => ({ n: box.n * 2 }));
  const box = lasting({ n: 1 });
  t.deepEqual(double(box), { n: 2 });
  t.is(double(box), double(box));
  t.is(double(double(box)), double(double(box)));
});

test('what becomes of any other object is made anew each time', (t) => {
  const double = rememberFor((box: { n: number }) => ({ n: box.n * 2 }));
  const box = { n: 1 };
  t.not(double(box), double(box));
});

test('an object is remembered with the last of what was given beside it, unless that is one machine’s own', (t) => {
  const pair = rememberFor((one: object, other: unknown) => ({ one, other }));
  const [a, b, own] = [lasting({}), lasting({}), {}];
  t.is(pair(a, 1), pair(a, 1));
  t.deepEqual(pair(a, 2), { one: a, other: 2 });
  t.is(pair(a, b), pair(a, b));
  t.is(pair(a, own).other, own);
  t.not(pair(a, own), pair(a, own));
  // And it puts nothing out of memory.
  t.is(pair(a, b), pair(a, b));
});

test('the items of a lasting list last as well', (t) => {
  const box = rememberFor((value: object) => ({ value }));
  const [item] = lasting([{ n: 1 }]);
  t.is(box(item as object), box(item as object));
});

test('of texts, five hundred are remembered', (t) => {
  let made = 0;
  const length = remember((text) => {
    made += 1;
    return { length: text.length };
  });
  for (let n = 0; n < 500; n++) length(`${n}`);
  length('0');
  t.is(made, 500);
  length('500');
  length('1');
  t.is(made, 501);
  length('0');
  t.is(made, 502);
});

const REQUESTS: readonly DocumentRequest[] = [
  mainRequest('cloud-config'),
  mainRequest('ignition'),
  mainRequest('cloud-init'),
  { format: 'cloud-init', file: 'meta-data' },
];

/** Writes all documents of a machine, by both ways of delivery. The texts of the parameters are made here and kept by nobody. */
function renderFor(key: Buffer, rack: Buffer): number {
  const credential = { certificatePem: 'CERTIFICATE', keyPem: `KEY ${key.toString('hex')}` };
  const kubeconfig = renderKubeconfig({
    server: JOIN.server,
    caPem: JOIN.caPem,
    user: 'system:node:a',
    credential,
  });
  const texts = REQUESTS.flatMap((request) =>
    PROFILES[request.format].map((given) => {
      const { text, secondStage } = renderDocument(request, {
        profile: given,
        variables: withMachine({ labels: { rack: `rack-${rack.toString('hex')}` } }),
        join: { ...JOIN, kubeconfig: `${kubeconfig}# ${key.toString('hex')}\n` },
        adoptDisk: false,
        delivery: { url: `https://server/?token=${key.toString('hex')}`, caPem: 'CA\n' },
      });
      return text.length + (secondStage?.body.length ?? 0);
    }),
  );
  return texts.reduce((sum, length) => sum + length, 0);
}

const PROFILES = Object.fromEntries(
  (['cloud-config', 'ignition', 'cloud-init'] as const).map((format) => [
    format,
    [true, false].map((changesKey) => {
      const change = { path: '/etc/kubernetes/kubeconfig', owner: 'root:root' };
      return profile(format, 'flatcar', {
        dockerDisk: DISK,
        kubernetes: { ...KUBERNETES, labels: { rack: '{{ machine.labels.rack }}' } },
        cloudConfig: { write_files: changesKey ? [change] : [] },
      });
    }),
  ]),
) as unknown as Record<DocumentRequest['format'], ReturnType<typeof profile>[]>;

/** Tells which of the texts are in memory. */
async function findInMemory(texts: () => readonly string[]): Promise<boolean[]> {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const snapshot = getHeapSnapshot();
  // Only now, since they would be found otherwise.
  const wanted = texts();
  const found = wanted.map(() => false);
  let rest = '';
  for await (const chunk of snapshot.setEncoding('utf8')) {
    const text = rest + String(chunk);
    for (const [index, one] of wanted.entries()) found[index] ||= text.includes(one);
    rest = text.slice(-1000);
  }
  return found;
}

test('when a document is written, no key is left in memory, though what machines have in common is', async (t) => {
  const [key, rack] = [randomBytes(12), randomBytes(12)];
  t.true(renderFor(key, rack) > 10_000);
  const inBase64 = (text: string) =>
    [0, 1, 2].map((shift) => Buffer.from(text.slice(shift)).toString('base64'));
  const [isRackThere, ...isKeyThere] = await findInMemory(() => [
    rack.toString('hex'),
    key.toString('hex'),
    // Whatever the position in the file, one of these is what stands there.
    ...inBase64(key.toString('hex')).map((text) => text.slice(0, -4)),
  ]);
  t.true(isRackThere);
  t.deepEqual(isKeyThere, [false, false, false, false]);
});
