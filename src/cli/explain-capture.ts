import { readFile, stat } from 'node:fs/promises';
import { openFirmwareFolder } from '../boot/firmware-folder.ts';
import type { CaptureEntry } from '../capture/context.ts';
import { readCapture } from '../capture/file.ts';
import { tellCapture } from '../capture/story.ts';
import type { Config, Network } from '../config/config.ts';
import { didYouMean } from '../config/similar.ts';
import type { Identity } from '../machines/identity.ts';
import type { Mac } from '../net/mac.ts';
import { createCaptureContext } from './capture-answers.ts';
import type { Output } from './check.ts';
import { type InspectedMachine, openInspector } from './inspect.ts';
import { requireConfig } from './load.ts';
import { printable } from './printable.ts';
import { UsageError } from './usage.ts';

/** A capture of network boots is small; it is read as a whole. */
const MAX_SIZE = 256 * 1024 * 1024;

/** What is captured, and where. */
export interface CaptureOptions {
  readonly config: string;
  readonly pcap: string;
  /** The network that was recorded; the first unless given. */
  readonly network?: string | undefined;
}

/**
 * `rackseed explain --pcap FILE`: reads a capture, and says packet by packet what the client is and what we would answer with
 * the configuration as it is. Throws an Error for people.
 */
export async function explainCaptureCommand(options: CaptureOptions, output: Output): Promise<void> {
  const config = await requireConfig(options.config);
  const network = chooseNetwork(config, options.network);
  const capture = readCaptureFile(options.pcap, await readWhole(options.pcap));
  const firmware = openFirmwareFolder(() => config.firmware.directory);
  firmware.refresh();
  const context = createCaptureContext({
    config,
    network,
    identify: identifyOnce(await openInspector(config)),
    firmware,
  });
  let summary: readonly string[] = [];
  for (const entry of tellCapture(capture, context, (lines) => {
    summary = lines;
  })) {
    output.write(formatEntry(entry));
  }
  output.write(summary.map((line) => `${printable(line)}\n`).join(''));
}

async function readWhole(file: string): Promise<Buffer> {
  const unreadable = (error: NodeJS.ErrnoException) => new Error(`${file} can't be read (${error.code})`);
  const { size } = await stat(file).catch((error) => {
    throw unreadable(error);
  });
  if (size > MAX_SIZE) {
    throw new Error(
      `${file} is larger than ${MAX_SIZE / 2 ** 20} MiB: take the packets that matter with ` +
        `tcpdump -r ${file} -w small.pcap 'udp port 67 or 68 or 69 or 4011'`,
    );
  }
  return readFile(file).catch((error) => {
    throw unreadable(error);
  });
}

function readCaptureFile(file: string, bytes: Buffer): ReturnType<typeof readCapture> {
  try {
    return readCapture(bytes);
  } catch (error) {
    throw new Error(`${file} can't be explained: ${(error as Error).message}`);
  }
}

function chooseNetwork({ networks }: Config, name: string | undefined): Network {
  const names = networks.map((network) => network.name);
  const network = name === undefined ? networks[0] : networks.find((candidate) => candidate.name === name);
  if (network) return network;
  throw new UsageError(
    `no network is called "${name}"${didYouMean(name ?? '', names) || `: there is ${names.join(', ')}`}`,
  );
}

/** A machine is who it is for as long as the capture is told. */
function identifyOnce(inspect: (text: string) => InspectedMachine): (mac: Mac) => Identity {
  const known = new Map<Mac, Identity>();
  return (mac) => {
    const identity = known.get(mac) ?? inspect(mac).identity();
    known.set(mac, identity);
    return identity;
  };
}

/** `12  09:42:41.556  …`, what it says below. */
function formatEntry({ number, at, title, lines }: CaptureEntry): string {
  const time = at === undefined ? '' : `${timeOf(at)}  `;
  const text = [`${number}  ${time}${title}`, ...lines.map((line) => `    ${line}`)];
  return `${text.map(printable).join('\n')}\n`;
}

/** The time of day in UTC; a damaged file may name one that no date has. */
function timeOf(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? '??:??:??.???' : date.toISOString().slice(11, 23);
}
