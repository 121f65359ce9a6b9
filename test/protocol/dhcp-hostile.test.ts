import test from 'ava';
import { rackFor } from '../support/netns.ts';
import { run, startFor } from '../support/process.ts';
import { allRecorded, mutate, seededRandom } from '../support/recorded.ts';
import { serviceFor } from '../support/service.ts';

const COUNT = 10_000;
/** Shorter ones hold no header, let alone a transaction to reply to. */
const HEADER = 236;

test('10,000 damaged packets: no crash, no reply to nonsense, and every packet counted', async (t) => {
  const { server, clients } = await rackFor(t);
  const service = await serviceFor(t, server);
  const machine = clients[0];
  if (!machine) return t.fail();
  await machine.ip('address add 192.168.0.77/24 dev eth0', 'route add 255.255.255.255/32 dev eth0');

  const random = seededRandom(42);
  const originals = allRecorded();
  const packets = Array.from({ length: COUNT }, (_, n) => {
    const bytes = mutate(originals[n % originals.length] ?? Buffer.alloc(0), random);
    // The transaction identifier tells which packet a reply is to.
    if (bytes.length >= 8) bytes.writeUInt32BE(n, 4);
    return bytes;
  });
  const script = new URL('../support/clients/send-packets.mjs', import.meta.url).pathname;
  const input = packets.map((bytes) => `${bytes.toString('hex')}\n`).join('');
  const sender = await startFor(t, machine.command([process.execPath, script, '192.168.0.254']), {
    input: `${input}end\n`,
  });
  const { stdout, stderr } = await sender.exited;
  t.is(stderr, `sent ${COUNT}\n`);

  const seen = async () => {
    const names = ['replies', 'silent', 'dropped'].map((what) =>
      service.metric(`rackseed_dhcp_${what}_total`),
    );
    return (await Promise.all(names)).reduce((sum, value) => sum + value, 0);
  };
  const deadline = Date.now() + 20_000;
  while ((await seen()) < COUNT && Date.now() < deadline);
  t.is(await seen(), COUNT);

  const replies = stdout
    .trim()
    .split('\n')
    .map((line) => Buffer.from(line, 'hex'));
  t.true(replies.length > 100, `${replies.length} packets were still good enough for a reply`);
  const nonsense = replies.filter((reply) => !isRequest(packets[reply.readUInt32BE(4)] ?? Buffer.alloc(0)));
  t.deepEqual(nonsense, []);

  const udhcpc = machine.command(['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true']);
  t.regex((await run(udhcpc, { timeout: 20_000 })).stderr, /lease of/, 'it still serves');
});

/** A whole header of a request from an Ethernet card: the least that a reply can be to. */
function isRequest(bytes: Buffer): boolean {
  return bytes.length >= HEADER && bytes[0] === 1 && bytes[1] === 1 && bytes[2] === 6;
}
