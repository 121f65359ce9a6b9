import dgram from 'node:dgram';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import koffi from 'koffi';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { closeDescriptor } from '../../src/net/libc.ts';
import type { TftpEvent } from '../../src/tftp/events.ts';
import { createTftpServer, type TftpServer, type TftpServerOptions } from '../../src/tftp/server.ts';

/** A running server together with everything it reported. */
export interface TestServer {
  readonly server: TftpServer;
  readonly port: number;
  readonly events: readonly TftpEvent[];
  /** The first `count` events of `type`, as soon as there are so many. */
  waitFor<Type extends TftpEvent['type']>(
    type: Type,
    count?: number,
  ): Promise<Extract<TftpEvent, { type: Type }>[]>;
  /** Resolves when `enough` holds; asked again after every event. */
  until(enough: () => boolean): Promise<void>;
}

/** Starts a server on a free loopback port that serves `files`; it stops at the end of the test. */
export async function serveFiles(
  t: ExecutionContext,
  files: Readonly<Record<string, Uint8Array>>,
  options: Partial<TftpServerOptions> = {},
): Promise<TestServer> {
  const events: TftpEvent[] = [];
  const waiting = new Set<() => void>();
  const server = createTftpServer({
    address: '127.0.0.1',
    port: 0,
    maxBlksize: 1468,
    backend: { find: async (name) => (Object.hasOwn(files, name) ? files[name] : undefined) },
    observe: (event) => {
      events.push(event);
      for (const look of waiting) look();
    },
    ...options,
  });
  await server.start();
  t.teardown(() => server.stop());

  const until = (enough: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!enough()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return {
    server,
    port: server.address().port,
    events,
    until,
    waitFor: async <Type extends TftpEvent['type']>(type: Type, count = 1) => {
      const found = () =>
        events.filter((event): event is Extract<TftpEvent, { type: Type }> => event.type === type);
      await until(() => found().length >= count);
      return found().slice(0, count);
    },
  };
}

/** A request datagram: opcode 1 is RRQ, 2 is WRQ; `rest` are mode, option names and values. */
export function request(opcode: number, filename: string, ...rest: string[]): Buffer {
  const fields = [filename, ...(rest.length > 0 ? rest : ['octet'])];
  return Buffer.from(
    `\0${String.fromCharCode(opcode)}${fields.map((field) => `${field}\0`).join('')}`,
    'latin1',
  );
}

export const rrq = (filename: string, ...rest: string[]): Buffer => request(1, filename, ...rest);

export const ack = (block: number): Buffer => Buffer.from([0, 4, (block >> 8) & 0xff, block & 0xff]);

export const error = (code: number, message: string): Buffer =>
  Buffer.concat([Buffer.from([0, 5, 0, code]), Buffer.from(`${message}\0`)]);

/** A datagram taken apart: `ERROR 1 no such file: x`, `OACK tsize=5`, `DATA 1 (512)`. */
export function describe(datagram: Buffer): string {
  const [, opcode] = datagram;
  const rest = datagram.subarray(4);
  if (opcode === 5) return `ERROR ${datagram.readUInt16BE(2)} ${rest.subarray(0, -1).toString('latin1')}`;
  if (opcode === 3) return `DATA ${datagram.readUInt16BE(2)} (${rest.length})`;
  if (opcode !== 6) return `opcode ${opcode}`;
  const fields = datagram.subarray(2, -1).toString('latin1').split('\0');
  return `OACK ${fields.map((field, index) => (index % 2 === 0 ? field : `=${field} `)).join('')}`.trim();
}

export interface Reply {
  readonly datagram: Buffer;
  readonly text: string;
  readonly port: number;
}

/** A bare UDP socket on loopback that speaks TFTP one datagram at a time. */
export interface RawClient {
  readonly port: number;
  send(datagram: Uint8Array, port: number, address?: string): void;
  /** The next datagram that came; waits for it. */
  receive(): Promise<Reply>;
  /** True when nothing more has come so far. */
  readonly idle: boolean;
  close(): void;
}

/** Opens a raw client at a loopback address; `t`'s end closes it. */
export async function rawClient(t: ExecutionContext, address = '127.0.0.1'): Promise<RawClient> {
  const socket = dgram.createSocket({
    type: 'udp4',
    lookup: (host, _options, found) => found(null, host, 4),
  });
  const listening = once(socket, 'listening');
  socket.bind(0, address);
  await listening;
  const arrived: Reply[] = [];
  const waiting: ((reply: Reply) => void)[] = [];
  socket.on('message', (datagram, { port }) => {
    const reply = { datagram, text: describe(datagram), port };
    const waiter = waiting.shift();
    if (waiter) waiter(reply);
    else arrived.push(reply);
  });
  let open = true;
  const close = () => {
    if (open) socket.close();
    open = false;
  };
  t.teardown(close);
  return {
    port: socket.address().port,
    send: (datagram, port, to = '127.0.0.1') => socket.send(datagram, port, to),
    receive: () => {
      const reply = arrived.shift();
      return reply ? Promise.resolve(reply) : new Promise((resolve) => waiting.push(resolve));
    },
    get idle() {
      return arrived.length === 0;
    },
    close,
  };
}

/** Sends one datagram and gives the text of the answer. */
export async function ask(client: RawClient, port: number, datagram: Uint8Array): Promise<string> {
  client.send(datagram, port);
  return (await client.receive()).text;
}

/** Sends a UDP datagram that claims to come from port 0, which only a raw socket can do. */
export function sendFromPortZero(datagram: Uint8Array, address: Ipv4, port: number): void {
  const libc = koffi.load('libc.so.6');
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const sendto = libc.func(
    'long sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t size)',
  );
  const [AF_INET, SOCK_RAW, IPPROTO_UDP] = [2, 3, 17];
  const packet = Buffer.concat([Buffer.alloc(8), datagram]);
  packet.writeUInt16BE(port, 2);
  packet.writeUInt16BE(packet.length, 4);
  const sockaddr = Buffer.alloc(16);
  sockaddr.writeUInt16LE(AF_INET, 0);
  sockaddr.writeUInt32BE(address, 4);
  const fd: number = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
  const sent: number = sendto(fd, packet, packet.length, 0, sockaddr, sockaddr.length);
  closeDescriptor(fd);
  if (sent !== packet.length) throw new Error('a raw socket needs root');
}

/** Fetches a file in lockstep, the way RFC 1350 has it, with 512-byte blocks and no options. */
export async function fetchPlain(
  client: RawClient,
  port: number,
  filename: string,
  address?: string,
): Promise<Buffer> {
  client.send(rrq(filename), port, address);
  const blocks: Buffer[] = [];
  for (;;) {
    const { datagram, text, port: tid } = await client.receive();
    if (datagram[1] !== 3) throw new Error(text);
    client.send(ack(datagram.readUInt16BE(2)), tid, address);
    // A retransmission of a block we already have.
    if (datagram.readUInt16BE(2) !== ((blocks.length + 1) & 0xffff)) continue;
    blocks.push(datagram.subarray(4));
    if (datagram.length < 516) return Buffer.concat(blocks);
  }
}
