import test from 'ava';
import {
  ACK,
  addressBytes,
  addressText,
  type DhcpAnswer,
  DISCOVER,
  encodeQuestion,
  hardwareAddress,
  macText,
  NAK,
  OFFER,
  REQUEST,
  readAnswer,
} from '../../bench/machines/dhcp-message.ts';
import { leaseAddress } from '../../bench/machines/exchange.ts';
import { readScript } from '../../bench/machines/ipxe-script.ts';
import type { RelayAgent } from '../../bench/machines/relay-agent.ts';
import { encodeRequest, TftpDownload } from '../../bench/machines/tftp-download.ts';
import { bootScript, machineScript } from '../../src/boot/script.ts';
import { decodePacket, encodeReply, messageType } from '../../src/dhcp/packet.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { parsePacket } from '../../src/tftp/packet.ts';

const CHADDR = hardwareAddress(0x010203);
const GIADDR = addressBytes('10.78.255.1');

/** An answer of a server that is told what to send. */
function answer(xid: number, type: number): DhcpAnswer {
  const [yiaddr, server] = [addressBytes('10.78.0.1'), addressBytes('10.77.255.254')];
  return { type, xid, yiaddr, siaddr: server, file: '', server, options: new Map() };
}

/** The type of a message, as the server reads it. */
function typeOf(message: Buffer): number {
  const packet = decodePacket(message);
  return (typeof packet === 'object' && messageType(packet)) || 0;
}

/** A stand-in for a relay agent whose server answers each message with the next of these types; 0 is silence. */
function agentDouble(...types: readonly number[]) {
  const sent: number[] = [];
  const listeners = new Map<number, (answer: DhcpAnswer) => void>();
  const left = [...types];
  const agent: RelayAgent = {
    send(message) {
      sent.push(typeOf(message));
      const type = left.shift() ?? 0;
      const xid = message.readUInt32BE(4);
      if (type !== 0) queueMicrotask(() => listeners.get(xid)?.(answer(xid, type)));
    },
    listen: (xid, hear) => void listeners.set(xid, hear),
    forget: (xid) => void listeners.delete(xid),
    close: () => {},
  };
  return { agent, sent };
}

const client = { chaddr: CHADDR, giaddr: GIADDR, options: [], waits: [5, 10] };

test('a simulated machine leases an address in four messages', async (t) => {
  const { agent, sent } = agentDouble(OFFER, ACK);
  const { ack, retries } = await leaseAddress(agent, client, 7);
  t.is(addressText(ack.yiaddr), '10.78.0.1');
  t.is(retries, 0);
  t.deepEqual(sent, [DISCOVER, REQUEST]);
});

test('it sends a message again that gets no answer, and counts it', async (t) => {
  const { agent, sent } = agentDouble(0, OFFER, 0, ACK);
  t.is((await leaseAddress(agent, client, 7)).retries, 2);
  t.deepEqual(sent, [DISCOVER, DISCOVER, REQUEST, REQUEST]);
});

test('it gives up after the last wait', async (t) => {
  const { agent, sent } = agentDouble();
  await t.throwsAsync(leaseAddress(agent, client, 7), { message: 'DHCP: no answer' });
  t.deepEqual(sent, [DISCOVER, DISCOVER]);
});

test('it begins anew after a NAK', async (t) => {
  const { agent, sent } = agentDouble(OFFER, NAK, OFFER, ACK);
  t.is((await leaseAddress(agent, client, 7)).retries, 1);
  t.deepEqual(sent, [DISCOVER, REQUEST, DISCOVER, REQUEST]);
});

test('its DHCP messages are what the server reads, and the other way round', (t) => {
  const offer = { yiaddr: addressBytes('10.78.0.9'), server: addressBytes('10.77.255.254') };
  const options = [[93, Uint8Array.of(0, 7)]] as const;
  const bytes = encodeQuestion({
    type: REQUEST,
    xid: 0xdeadbeef,
    chaddr: CHADDR,
    giaddr: GIADDR,
    offer,
    options,
  });
  const request = decodePacket(bytes);
  if (typeof request !== 'object') return t.fail(`its ${request} is malformed`);
  t.is(messageType(request), REQUEST);
  t.like(request, { xid: 0xdeadbeef, hops: 1, chaddr: macText(CHADDR), giaddr: 0x0a_4e_ff_01 });
  t.deepEqual([...(request.options.get(50) ?? [])], [10, 78, 0, 9]);
  t.deepEqual([...(request.options.get(93) ?? [])], [0, 7]);

  const reply = encodeReply({
    request,
    ciaddr: 0 as Ipv4,
    yiaddr: 0x0a_4e_00_09 as Ipv4,
    siaddr: 0x0a_4d_ff_fe as Ipv4,
    flags: 0,
    file: 'snponly.efi',
    options: new Map([
      [53, Uint8Array.of(ACK)],
      [54, addressBytes('10.77.255.254')],
    ]),
    maximumLength: 1500,
  });
  const read = readAnswer(reply);
  if (!read) return t.fail('it is no answer');
  t.like(read, { type: ACK, xid: 0xdeadbeef, file: 'snponly.efi' });
  t.deepEqual([read.yiaddr, read.siaddr, read.server].map(addressText), [
    '10.78.0.9',
    '10.77.255.254',
    '10.77.255.254',
  ]);
  t.is(readAnswer(bytes), undefined, 'a question is no answer');
});

const data = (block: number, length: number) =>
  Buffer.concat([Buffer.from([0, 3, block >> 8, block & 255]), Buffer.alloc(length)]);
const ack = (block: number) => Buffer.from([0, 4, block >> 8, block & 255]);

test('its download acknowledges the options and every block, and ends with a short one', (t) => {
  const download = new TftpDownload();
  const oack = Buffer.from('\0\x06blksize\x001000\0', 'latin1');
  t.deepEqual(download.receive(oack), { kind: 'received', answer: ack(0) });
  t.deepEqual(download.receive(data(1, 1000)), { kind: 'received', answer: ack(1) });
  t.deepEqual(download.receive(data(2, 999)), { kind: 'complete', answer: ack(2), bytes: 1999 });
});

test('its download passes over duplicates, so that no block is sent twice for ever', (t) => {
  const download = new TftpDownload();
  download.receive(data(1, 512));
  t.deepEqual(download.receive(data(1, 512)), { kind: 'ignored' });
  t.deepEqual(download.receive(data(2, 512)), { kind: 'received', answer: ack(2) });
});

test('its block numbers go on with 0 after 65535', (t) => {
  const download = new TftpDownload();
  for (let block = 1; block <= 65_535; block += 1) download.receive(data(block, 512));
  t.deepEqual(download.receive(data(0, 0)), { kind: 'complete', answer: ack(0), bytes: 65_535 * 512 });
});

test('its download ends with the reason that the server gives', (t) => {
  const refusal = Buffer.from('\0\x05\0\x01no such file\0', 'latin1');
  t.deepEqual(new TftpDownload().receive(refusal), { kind: 'refused', reason: 'no such file' });
});

test('its requests are what the server reads', (t) => {
  t.like(parsePacket(encodeRequest('snponly.efi', 1468, true)), {
    mode: 'octet',
    options: [
      ['tsize', '0'],
      ['blksize', '1468'],
    ],
  });
});

test("it follows rackseed's scripts from the first to the image", (t) => {
  const settings = new Map([['mac:hexhyp', '02-72-61-01-02-03']]);
  const [chain] = readScript(bootScript(), 'http://10.77.255.254/boot.ipxe', settings).fetches;
  t.is(chain?.command, 'chain');
  t.true(chain?.url.startsWith('http://10.77.255.254/ipxe?mac=02-72-61-01-02-03&uuid='), chain?.url);

  const own = machineScript(
    { mac: '02:72:61:01:02:03', hostname: 'worker-1' },
    {
      kind: 'image',
      image: 'bench',
      kernelUrl: 'http://10.77.255.254/assets/bench/vmlinuz',
      initrds: [{ name: 'initrd.img', url: 'http://10.77.255.254/assets/bench/initrd.img' }],
      args: ['cloud-config-url=http://10.77.255.254/cloud-config/m?token=t'],
    },
  );
  const { fetches, arguments: words } = readScript(own, 'http://10.77.255.254/ipxe', settings);
  t.deepEqual(fetches, [
    { command: 'kernel', url: 'http://10.77.255.254/assets/bench/vmlinuz' },
    { command: 'initrd', url: 'http://10.77.255.254/assets/bench/initrd.img' },
  ]);
  t.true(words.includes('cloud-config-url=http://10.77.255.254/cloud-config/m?token=t'));
});
