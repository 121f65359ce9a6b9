import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { explainCaptureCommand } from '../../src/cli/explain-capture.ts';
import { PROFILE, RACKSEED } from '../support/config.ts';
import { requestBytes, text } from '../support/dhcp.ts';
import { folderFor } from '../support/openssl.ts';
import { ethernetFrame, pcapOf } from '../support/pcap.ts';
import { Printed } from '../support/printed.ts';

/** Explains a capture with a configuration whose service doesn't run. */
async function explain(t: ExecutionContext, capture: Uint8Array, network?: string): Promise<string> {
  const folder = await folderFor(t);
  const config = join(folder, 'config');
  const pcap = join(folder, 'boot.pcap');
  await mkdir(join(config, 'profiles'), { recursive: true });
  await mkdir(join(folder, 'firmware'));
  const places = `firmware: { directory: ${folder}/firmware }\nadmin: { listen: "unix:${folder}/admin.sock" }\n`;
  await writeFile(
    join(config, 'rackseed.yaml'),
    `${RACKSEED}unknown_machines: boot\n${places}store: { lmdb: ${folder}/store }\n`,
  );
  await writeFile(join(config, 'profiles/worker.yaml'), PROFILE);
  await writeFile(pcap, capture);
  const output = new Printed();
  await explainCaptureCommand({ config, pcap, network }, output);
  return output.text;
}

const discover = pcapOf([
  ethernetFrame({
    payload: requestBytes({ type: 'discover', options: [text(60, 'evil\x1b[2J'), text(12, 'a\nb')] }),
  }),
]);

test('a capture is explained without a service, each packet with its number and time, and safe for a terminal', async (t) => {
  const printed = await explain(t, discover);
  t.regex(
    printed,
    /^1 {2}00:00:01\.500 {2}52:54:00:00:00:01 → broadcast {2}DISCOVER from 52:54:00:00:00:01$/m,
  );
  t.regex(printed, /^ {4}we would answer OFFER: an address of 192\.168\.0\.1-192\.168\.0\.100, /m);
  t.regex(printed, /^1 of 1 packets are DHCP, PXE or TFTP$/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there
  t.notRegex(printed, /[\x00-\x09\x0b-\x1f]/);
});

test('a file that is no capture, and a network that there is not, are refused with the reason', async (t) => {
  await t.throwsAsync(explain(t, Buffer.from('hello')), {
    message: /boot\.pcap can't be explained: it is neither pcap nor pcapng/,
  });
  await t.throwsAsync(explain(t, discover, 'kubernetes2'), {
    message: 'no network is called "kubernetes2", did you mean kubernetes1?',
  });
});
