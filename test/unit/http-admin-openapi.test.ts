import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { createTestAdmin, type TestAdmin } from '../support/admin.ts';
import { anyRequest, type Operation, readOpenApi, validRequest } from '../support/openapi.ts';
import { KNOWN } from '../support/provisioning.ts';
import { machineView, macNumber, RackDouble, SEEN } from '../support/rack-double.ts';

const RUNS = { numRuns: 60 };

function createAdmin(t: ExecutionContext): Promise<TestAdmin> {
  const rack = new RackDouble([
    machineView(1, { labels: { a: 'b' }, progress: { file: 'x', bytes: 1, size: 2 } }),
    machineView(2, {
      state: 'stuck',
      stuck: { stage: 'ack', since: SEEN, cause: 'x' },
      stage: 'ack',
      stageAt: SEEN,
    }),
  ]);
  rack.story.boots = [{ number: 1, began: SEEN, entries: [{ kind: 'nak', at: SEEN, detail: '' }] }];
  rack.story.next = { script: '#!ipxe', document: { format: 'ignition', text: '{}' } };
  const lease = { address: parseIpv4('192.168.0.7') as Ipv4, mac: KNOWN, expires: SEEN };
  return createTestAdmin(t, {
    rack,
    networks: () => [
      {
        name: 'kubernetes1',
        dhcp: { role: 'authoritative' },
        leases: { size: 1, leases: () => [lease].values() },
      },
    ],
  });
}

/** Routes that no request succeeds with that is made by their schema alone. */
const NEEDS_MORE: ReadonlySet<string> = new Set([
  '/v1/import',
  '/v1/tokens/{name}',
  '/v1/images/pulls/{id}',
  '/v1/images/{family}/{version}',
]);

/** The routes but the one whose answer doesn't end. */
async function operationsOf({ app }: TestAdmin): Promise<Operation[]> {
  const { operations } = await readOpenApi(app);
  return operations.filter(({ path }) => path !== '/v1/events');
}

test('whatever is asked as the document says gets an answer that the document describes', async (t) => {
  const admin = await createAdmin(t);
  const { fault } = await readOpenApi(admin.app);
  for (const operation of await operationsOf(admin)) {
    let succeeded = 0;
    await fc.assert(
      fc.asyncProperty(
        validRequest(operation),
        fc.boolean(),
        fc.boolean(),
        async (request, isKnown, isBold) => {
          // One that insists on a revision nearly always names another one.
          if (isBold) delete request.headers?.['if-match'];
          const url = isKnown
            ? String(request.url).replace(/machines\/[^/]+/, `machines/${macNumber(1)}`)
            : String(request.url);
          if (isKnown) admin.rack.put(machineView(1));
          const answer = await admin.app.inject({ ...request, url });
          if (answer.statusCode < 300) succeeded += 1;
          const found = fault(operation, answer);
          const told = `${operation.method} ${url} ${JSON.stringify(request.payload)}: ${answer.statusCode} ${answer.body.slice(0, 200)}`;
          if (found !== undefined || answer.statusCode >= 500) throw new Error(`${told}: ${found}`);
        },
      ),
      RUNS,
    );
    const canFail = NEEDS_MORE.has(operation.path);
    t.true(succeeded > 0 || canFail, `${operation.method} ${operation.path} never succeeded`);
  }
});

test('whatever is asked, nothing fails inside, and every refusal is a problem document', async (t) => {
  const admin = await createAdmin(t);
  const { fault } = await readOpenApi(admin.app);
  for (const operation of await operationsOf(admin)) {
    await fc.assert(
      fc.asyncProperty(anyRequest(operation), async (request) => {
        const answer = await admin.app.inject(request);
        const told = `${operation.method} ${request.url} ${JSON.stringify(request)}: ${answer.statusCode} ${answer.body.slice(0, 200)}`;
        if (answer.statusCode >= 500) throw new Error(told);
        const found = fault(operation, answer);
        if (found !== undefined) throw new Error(`${told}: ${found}`);
      }),
      RUNS,
    );
  }
  t.pass();
});

for (const [type, alphabet] of [
  [
    'text/csv',
    ['mac', 'hostname', 'labels', ',', '\n', '"', '"', ';', '=', '\\', '52:54:00:00:00:01', '\r', '\u0000'],
  ],
  [
    'application/yaml',
    [
      'machines:',
      '- ',
      'mac: ',
      '\n',
      '  ',
      '"',
      '{',
      '[',
      '&a ',
      '*a',
      '<<: ',
      '52:54:00:00:00:01',
      '? ',
      '!!x ',
    ],
  ],
] as const) {
  test(`an import of ${type} that is put together at random never fails inside`, async (t) => {
    const admin = await createAdmin(t);
    const text = fc.array(fc.constantFrom(...alphabet), { maxLength: 40 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(text, async (payload) => {
        const headers = { 'content-type': type };
        const answer = await admin.app.inject({ method: 'POST', url: '/v1/import', payload, headers });
        t.true([200, 400, 422].includes(answer.statusCode), answer.body);
      }),
      { numRuns: 300 },
    );
  });
}
