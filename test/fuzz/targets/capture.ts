import assert from 'node:assert/strict';
import { readCapture } from '../../../src/capture/file.ts';
import { tellCapture } from '../../../src/capture/story.ts';
import { createCaptureContext } from '../../../src/cli/capture-answers.ts';
import { printable } from '../../../src/cli/printable.ts';
import type { Config } from '../../../src/config/config.ts';
import { identify } from '../../../src/machines/identity.ts';
import { good, RACKSEED } from '../../support/config.ts';
import { requestBytes } from '../../support/dhcp.ts';
import { ethernetFrame, pcapngOf, pcapOf } from '../../support/pcap.ts';
import { recorded } from '../../support/recorded.ts';
import { rrq } from '../../support/tftp.ts';
import type { FuzzTarget } from '../target.ts';
import { DHCP_TOKENS } from './dhcp-tokens.ts';

const CONFIG: Config = good({ 'rackseed.yaml': `${RACKSEED}unknown_machines: boot\n` });

/** What kind of packet a title tells of. */
const KIND = /(?<= {2})(?:TFTP [a-z]+|[A-Z]+|message type|not a DHCP message)\b/;
/** What a terminal must not be shown. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** A capture file, told as `rackseed explain --pcap` does. */
export const target: FuzzTarget = {
  name: 'capture',
  about: 'a capture file, pcap or pcapng, and what is told about it',
  seeds() {
    const server = { source: '192.168.0.9', destination: '192.168.0.7' };
    const frames = [
      ...recorded('ovmf-pxe').map((payload) => ethernetFrame({ payload })),
      ethernetFrame({ payload: requestBytes({ op: 2 }), ...server, sourcePort: 67, destinationPort: 68 }),
      ethernetFrame({ payload: rrq('snponly.efi'), vlans: [7, 9], destinationPort: 69, sourcePort: 2_000 }),
      ethernetFrame({ payload: Buffer.of(0, 5, 0, 1, 0x6e, 0), sourcePort: 2_001, destinationPort: 2_000 }),
    ];
    return [
      ...frames.map((frame) => pcapOf([frame])),
      ...frames.map((frame) => pcapngOf([frame], { little: false, nanoseconds: true })),
      pcapOf(frames, { little: false, nanoseconds: true }),
      pcapngOf(frames.slice(-2)),
      ...[0, 101, 113, 228, 276].map((linkType) => pcapOf([frames.at(-1) ?? Buffer.alloc(0)], { linkType })),
      Buffer.of(0x1f, 0x8b, 8),
    ];
  },
  tokens: () => [
    ...DHCP_TOKENS,
    Buffer.of(0x81, 0),
    Buffer.of(8, 0, 0x45),
    Buffer.of(0x0a, 0x0d, 0x0d, 0x0a),
  ],
  maxLength: 8_192,
  limit: 300,
  run(bytes) {
    const capture = read(bytes);
    if (typeof capture === 'string') return [capture];
    const [network] = CONFIG.networks;
    if (!network) throw new Error('the configuration has a network');
    const context = createCaptureContext({
      config: CONFIG,
      network,
      identify: (mac) => identify(CONFIG, mac),
      firmware: { has: (name) => name === 'snponly.efi' },
    });
    let summary: readonly string[] = [];
    const words = [capture.damage?.replace(/\d+/g, '#') ?? 'whole'];
    let last = 0;
    for (const { number, title, lines } of tellCapture(capture, context, (told) => {
      summary = told;
    })) {
      assert.ok(number > last && number <= capture.frames.length, 'packets are told in their order');
      last = number;
      for (const line of [title, ...lines]) assert.doesNotMatch(printable(line), UNPRINTABLE);
      words.push(KIND.exec(title)?.[0] ?? 'something else');
    }
    assert.ok(summary.length > 0, 'there is a summary');
    return words;
  },
};

/** The capture, or why it is none. */
function read(bytes: Uint8Array) {
  try {
    return readCapture(bytes);
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.match(error.message, /^it is (?:compressed|neither pcap nor pcapng)/);
    return error.message;
  }
}
