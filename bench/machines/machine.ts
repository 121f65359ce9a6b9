import { setTimeout as pause } from 'node:timers/promises';
import { addressBytes, addressText, hardwareAddress, macText } from './dhcp-message.ts';
import { leaseAddress } from './exchange.ts';
import { type HttpAnswer, HttpConnection, type HttpRequest } from './http-connection.ts';
import { type BootScript, readScript } from './ipxe-script.ts';
import type { Stage, StormOrder } from './order.ts';
import type { RelayAgent } from './relay-agent.ts';
import { fetchByTftp } from './tftp-client.ts';

/** Told of everything that is counted. */
export interface MachineWatch {
  /** A stage is over; it took so many milliseconds. */
  stage(name: Stage, milliseconds: number): void;
  retried(times: number): void;
}

/** Firmware waits 4, 8, 16 and 32 s for an answer (PXE 2.1 §2.2.3); iPXE from one second on, twice as long each time. */
const PXE_WAITS = [4000, 8000, 16_000, 32_000];
const IPXE_WAITS = [1000, 2000, 4000, 8000];
/** Pauses before a script, an image or a document is asked for again, as rackseed's scripts make them. */
const HTTP_PAUSES = [1, 2, 3, 4, 5, 6, 7, 8].map((seconds) => seconds * 1000);
/** EDK2's. */
const BLKSIZE = 1468;

const text = (value: string) => Buffer.from(value, 'latin1');
/** Options of UEFI x64 firmware: 60, 93, 94 (RFC 4578) and the parameter request list. */
const FIRMWARE = [
  [55, Uint8Array.of(1, 3, 6, 12, 15, 28, 43, 54, 60, 66, 67)],
  [60, text('PXEClient:Arch:00007:UNDI:003016')],
  [93, Uint8Array.of(0, 7)],
  [94, Uint8Array.of(1, 3, 16)],
] as const;
/** iPXE says so by options 77 and 175: version, HTTP, EFI. */
const IPXE = [
  ...FIRMWARE,
  [77, text('iPXE')],
  [175, Uint8Array.of(177, 5, 1, 0x1a, 0xf4, 0x10, 0, 19, 1, 1, 36, 1, 1)],
] as const;

/**
 * Boots a UEFI machine without disks, from power-on to its report that it is up.
 * @throws when it can't go on, as firmware and iPXE would give up: the message is the reason
 */
export async function bootMachine(
  index: number,
  order: StormOrder,
  agent: RelayAgent,
  watch: MachineWatch,
): Promise<void> {
  const chaddr = hardwareAddress(index);
  const giaddr = addressBytes(order.giaddr);
  const timed = async <T>(stage: Stage, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const result = await work();
    watch.stage(stage, performance.now() - began);
    return result;
  };
  const lease = async (isIpxe: boolean) => {
    const options = [...(isIpxe ? IPXE : FIRMWARE), [97, uuid(chaddr)]] as const;
    const waits = isIpxe ? IPXE_WAITS : PXE_WAITS;
    const xid = index * 2 + (isIpxe ? 1 : 0);
    const { ack, retries } = await leaseAddress(agent, { chaddr, giaddr, options, waits }, xid);
    watch.retried(retries);
    const named = ack.options.get(67);
    return {
      ...ack,
      file: ack.file || (named ? Buffer.from(named).toString('latin1').replace(/\0.*/s, '') : ''),
    };
  };

  const firmware = await timed('DHCP', () => lease(false));
  await timed('loader', async () => {
    const fetch = {
      from: addressText(firmware.yiaddr),
      server: addressText(firmware.siaddr),
      file: firmware.file,
      blksize: BLKSIZE,
    };
    const probed = await fetchByTftp({ ...fetch, probe: true });
    const { bytes, retries } = await fetchByTftp({ ...fetch, probe: false });
    watch.retried(probed.retries + retries);
    expectLength('loader', bytes, order.sizes.loader);
  });
  const { yiaddr, file } = await timed('iPXE DHCP', () => lease(true));
  const from = addressText(yiaddr);
  const ipxe = new HttpConnection(order.server, from);
  const script = await timed('scripts', () => fetchScripts(ipxe, file, settingsOf(chaddr), watch));
  for (const { command, url } of script.fetches) {
    if (command === 'chain') continue;
    const { bytes } = await timed(command, () => insist(ipxe, { method: 'GET', path: pathOf(url) }, watch));
    expectLength(command, bytes, order.sizes[command]);
  }
  ipxe.close();
  // The operating system's own requests.
  const system = new HttpConnection(order.server, from);
  const document = /(?:cloud-config-url|ignition\.config\.url)=(\S+)/.exec(script.arguments.join(' '))?.[1];
  if (document === undefined) throw new Error('script: no document');
  await timed('document', () => insist(system, { method: 'GET', path: pathOf(document) }, watch));
  const report = { method: 'POST', path: `/phone-home/${macText(chaddr)}`, body: 'stage=up' } as const;
  await timed('report', () => insist(system, report, watch));
  system.close();
}

/** Follows the scripts to the one that boots something. */
async function fetchScripts(
  connection: HttpConnection,
  first: string,
  settings: ReadonlyMap<string, string>,
  watch: MachineWatch,
): Promise<BootScript> {
  let url: string | undefined = first;
  while (url !== undefined) {
    const request = { method: 'GET', path: pathOf(url), keep: true } as const;
    const script: BootScript = readScript((await insist(connection, request, watch)).text, url, settings);
    const last = script.fetches.at(-1);
    if (last?.command !== 'chain') return script;
    url = last.url;
  }
  throw new Error('script: it boots nothing');
}

/** Asks until it is answered, with a pause before each further try. */
async function insist(
  connection: HttpConnection,
  request: HttpRequest,
  watch: MachineWatch,
): Promise<HttpAnswer> {
  for (let tries = 0; ; tries += 1) {
    const answer = await connection.request(request).catch((error: Error) => error);
    const failure = answer instanceof Error ? answer : answer.status < 300 ? undefined : refusal(answer);
    if (!failure) return answer as HttpAnswer;
    const wait = HTTP_PAUSES[tries];
    if (wait === undefined) throw failure;
    watch.retried(1);
    await pause(wait);
  }
}

function refusal({ status }: HttpAnswer): Error {
  return new Error(`HTTP: status ${status}`);
}

function expectLength(what: string, bytes: number, expected: number): void {
  if (bytes !== expected) throw new Error(`${what}: ${bytes} bytes instead of ${expected}`);
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/** Option 97 (RFC 4578 §2.3): type 0 and the SMBIOS UUID. */
function uuid(chaddr: Uint8Array): Uint8Array {
  return Uint8Array.of(0, ...new Uint8Array(10), ...chaddr);
}

/** What the scripts here ask iPXE for. */
function settingsOf(chaddr: Uint8Array): ReadonlyMap<string, string> {
  const mac = macText(chaddr);
  return new Map([
    ['mac', mac],
    ['mac:hexhyp', mac.replaceAll(':', '-')],
    ['serial:uristring', mac.replaceAll(':', '')],
    ['uuid', `00000000-0000-0000-0000-${mac.replaceAll(':', '')}`],
    ['buildarch:uristring', 'x86_64'],
    ['platform:uristring', 'efi'],
  ]);
}
