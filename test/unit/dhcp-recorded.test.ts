import test from 'ava';
import { answerBoot } from '../../src/boot/answer.ts';
import { recognise } from '../../src/boot/firmware.ts';
import { describeClient } from '../../src/dhcp/client.ts';
import { decodePacket } from '../../src/dhcp/packet.ts';
import { DhcpResponder } from '../../src/dhcp/responder.ts';
import { decoded, SERVER, testNetwork } from '../support/dhcp.ts';
import { allRecorded, mutate, recorded, seededRandom } from '../support/recorded.ts';

const cases: readonly [
  file: string,
  who: string | undefined,
  answer: string | undefined,
  options: number[],
][] = [
  ['ipxe-rom-bios', 'iPXE', 'http://192.168.0.254/boot.ipxe', [175]],
  ['ipxe-snponly', 'iPXE', 'http://192.168.0.254/boot.ipxe', [175]],
  ['ovmf-pxe', 'UEFI x64', 'snponly.efi', []],
  ['ovmf-http', 'UEFI HTTP x64', 'http://192.168.0.254/firmware/snponly.efi', [60]],
  ['udhcpc', undefined, undefined, []],
];

for (const [file, who, answer, options] of cases) {
  test(`${file} is recognised as ${who ?? 'no network booter'} and gets ${answer ?? 'no boot file'}`, (t) => {
    for (const bytes of recorded(file)) {
      const client = describeClient(decoded(bytes));
      const booter = recognise(client);
      t.is(booter?.name, who);
      if (!booter) continue;
      const boot = answerBoot(booter, client.vendorClass !== undefined, {
        server: SERVER,
        baseUrl: 'http://192.168.0.254',
        isAvailable: () => true,
      });
      t.like(boot, { file: answer });
      t.deepEqual(typeof boot === 'object' && [...boot.options.keys()], options);
    }
  });
}

test('a recorded DISCOVER and REQUEST of every program end in a lease', (t) => {
  for (const [file] of cases) {
    const [discover, request] = recorded(file).map(decoded);
    if (!discover || !request) return t.fail(file);
    const responder = new DhcpResponder(testNetwork(), { answer: () => ({}) }, []);
    t.like(responder.handle(discover, false, 0), { reply: 'OFFER' }, file);
    t.like(responder.handle(request, false, 1), { request: 'SELECTING', reply: 'ACK' }, file);
  }
});

test('no damaged packet throws, makes an oversized reply, or moves a lease to somebody else', (t) => {
  const random = seededRandom(20261121);
  const responder = new DhcpResponder(
    testNetwork({ bootp: 'answer' }),
    { answer: () => ({ hostname: 'x' }) },
    [],
  );
  const packets = allRecorded();
  let replies = 0;
  for (let n = 0; n < 20_000; n += 1) {
    const bytes = mutate(packets[n % packets.length] ?? Buffer.alloc(0), random);
    const packet = decodePacket(bytes);
    if (typeof packet === 'string') continue;
    const outcome = responder.handle(packet, random() < 0.5, n);
    if (outcome.type !== 'reply') continue;
    replies += 1;
    const reply = decodePacket(outcome.datagram.bytes);
    if (outcome.datagram.bytes.length > 1472 || typeof reply === 'string' || reply.chaddr !== packet.chaddr) {
      t.fail(bytes.toString('hex'));
    }
  }
  t.true(replies > 1000, `${replies} were still good enough for a reply`);
});
