import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Mac } from '../../src/net/mac.ts';
import { type Badness, badCable } from '../support/bad-cable.ts';
import { namespaceFor, rackFor } from '../support/netns.ts';
import { run, runChecked } from '../support/process.ts';
import { serviceFor } from '../support/service.ts';

const SERVER = '192.168.0.254';
const KIB = 1024;
const MOST_TRIES = 10;
const UDHCPC_SCRIPT = new URL('../support/clients/udhcpc-address.sh', import.meta.url).pathname;

/** Sizes in bytes of what each client fetches. */
interface Sizes {
  readonly tftpHpa: number;
  readonly busybox: number;
  readonly atftp: number;
  readonly http: number;
}

/** A machine at the end of a bad cable gets an address, and files by clients nobody here wrote. */
async function bootsOver(t: ExecutionContext, badness: Badness, sizes: Sizes): Promise<void> {
  t.timeout(180_000);
  const { server } = await rackFor(t, 0);
  const machine = await namespaceFor(t);
  const mac = '52:54:00:00:00:01' as Mac;
  const port = { namespace: server, interface: 'port1' };
  await badCable(t, { namespace: machine, interface: 'eth0', mac }, port, badness);
  await server.ip('link set port1 master rack0');
  const service = await serviceFor(t, server, { machines: [{ mac, hostname: 'worker-01' }] });
  const contents = new Map<string, Buffer>();
  for (const [name, size] of Object.entries(sizes)) {
    contents.set(name, randomBytes(size));
    const folder = name === 'http' ? 'assets/lab' : 'firmware';
    await writeFile(join(service.directory, folder, name), contents.get(name) ?? '');
  }
  // It asks three times for an address that it was offered, and then begins anew a second later.
  const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-q', '-t', '60', '-T', '1', '-A', '1', '-s', UDHCPC_SCRIPT];
  await runChecked(machine.command(udhcpc), { timeout: 60_000 });

  const got = (name: string) => join(service.directory, `got-${name}`);
  const clients: Readonly<Record<string, readonly string[]>> = {
    tftpHpa: ['tftp', '-m', 'binary', SERVER, '-c', 'get', 'tftpHpa', got('tftpHpa')],
    busybox: [...['busybox', 'tftp', '-b', '1468', '-g', '-r', 'busybox', '-l', got('busybox'), SERVER]],
    atftp: [
      ...['atftp', '--option', 'windowsize 16', '--option', 'blksize 1468'],
      ...['--get', '-r', 'atftp', '-l', got('atftp'), SERVER],
    ],
    http: ['curl', '-sS', '--retry', '5', '-o', got('http'), `http://${SERVER}/assets/lab/http`],
  };
  await Promise.all(
    Object.entries(clients).map(async ([name, argv]) => {
      const began = performance.now();
      let isWhole = false;
      let tries = 0;
      // Some clients give up early; whoever boots by them starts them again.
      for (; !isWhole && tries < MOST_TRIES; tries += 1) {
        await run(machine.command(argv), { timeout: 60_000 });
        const received = await readFile(got(name)).catch(() => undefined);
        isWhole = received !== undefined && contents.get(name)?.equals(received) === true;
      }
      t.true(isWhole, `${name} in ${tries} tries`);
      const milliseconds = Math.round(performance.now() - began);
      t.log(`${name}: ${milliseconds} ms, tries: ${tries}, for ${contents.get(name)?.length} bytes`);
    }),
  );
}

test('over a cable that loses three frames of ten each way, machines still get all', (t) =>
  bootsOver(
    t,
    { loss: 30, reorder: 0, seed: 1 },
    { tftpHpa: 4 * KIB, busybox: 12 * KIB, atftp: 48 * KIB, http: 32 * KIB },
  ));

test('over a cable on which every fourth frame is overtaken, machines get all', (t) =>
  bootsOver(
    t,
    { loss: 0, reorder: 25, seed: 2 },
    { tftpHpa: 64 * KIB, busybox: 512 * KIB, atftp: 2_048 * KIB, http: 4_096 * KIB },
  ));

test('over a cable that loses one frame of ten and lets one of ten be overtaken, machines get all', (t) =>
  bootsOver(
    t,
    { loss: 10, reorder: 10, seed: 3 },
    { tftpHpa: 16 * KIB, busybox: 48 * KIB, atftp: 256 * KIB, http: 256 * KIB },
  ));
