import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { BOOT_TIMEOUT, labFor } from '../support/lab.ts';
import { runChecked } from '../support/process.ts';

/** nftables'; a package of npm that test runners bring along has a program of this name too. */
const NFT = '/usr/sbin/nft';

/** Loses one frame of ten that goes to a bridge's host, and of those that come from it. */
const LOSS = ['input', 'output'].map(
  (hook) => `table bridge lossy_${hook} {
  chain frames {
    type filter hook ${hook} priority 0
    numgen random mod 100 < 10 counter drop
  }
}
`,
);

test('a BIOS machine boots over a cable that loses one frame of ten each way', async (t) => {
  const { lab } = await labFor(t, { firmware: 'bios', count: 1 });
  const nft = (...args: string[]) => runChecked(lab.namespace.command([NFT, ...args]));
  const rules = join(lab.directory, 'loss.nft');
  await writeFile(rules, LOSS.join(''));
  await nft('-f', rules);
  await lab.powerOn();
  const [machine] = await lab.whenUp({ timeout: BOOT_TIMEOUT });
  t.log(machine?.stages.map(({ stage, after }) => `${stage} ${Math.round(after / 1000)} s`).join(', '));
  const lost = [...(await nft('list', 'ruleset')).matchAll(/counter packets (\d+)/g)];
  t.is(lost.length, 2);
  for (const [, count] of lost) t.true(Number(count) > 20, `${count} frames were lost one way`);
});
