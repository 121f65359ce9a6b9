import test from 'ava';
import { findingText, summaryLine } from './report.ts';
import { fuzzInThread } from './run.ts';
import { TARGET_NAMES, type TargetName } from './targets.ts';

/** What all targets have together, milliseconds. An hour is `npm run fuzz -- --seconds 3600`. */
const TIME = 60_000;
/** Inputs that each target gets in any case, however slow the machine is. */
const LEAST_INPUTS = 300;

/** What a run reaches at least, so that it can't come to do nothing unnoticed: characters of code, and what comes of inputs. */
const REACH: Readonly<Record<TargetName, { readonly code: number; readonly outcomes: readonly string[] }>> = {
  'dhcp-packet': {
    code: 110,
    outcomes: ['DISCOVER', 'iPXE', 'UEFI HTTP x64', 'options', 'hardware-type'],
  },
  'dhcp-options': {
    code: 65,
    outcomes: ['domain_list read', 'domain_list malformed', 'string malformed'],
  },
  'dhcp-server': {
    code: 400,
    outcomes: [
      'DISCOVER gets OFFER',
      'DISCOVER gets ACK',
      'SELECTING gets ACK',
      'SELECTING other-server-chosen',
      'RENEWING gets ACK',
      'RELEASE no-reply-expected',
      'DECLINE no-reply-expected',
      'BOOTP gets BOOTREPLY',
      'SELECTING gets NAK',
    ],
  },
  'lease-records': {
    code: 10,
    outcomes: ['removed', 'lease true', 'lease false', '# bytes are no list of leases'],
  },
  'dhcp-proxy': { code: 170, outcomes: ['false address-not-ours', 'false message-type'] },
  'tftp-packet': {
    code: 100,
    outcomes: ['malformed', 'refusal name', 'accepted blksize,tsize,windowsize'],
  },
  'tftp-server': { code: 180, outcomes: ['started', 'done', 'probe', 'failed timeout', 'refused write'] },
  syslog: { code: 50, outcomes: ['app true', 'app false', 'cut false', 'critical'] },
  capture: { code: 400, outcomes: ['whole', 'DISCOVER', 'BOOTREPLY', 'TFTP request'] },
  neighbours: { code: 30, outcomes: ['arp true', 'arp false', 'echo true'] },
  'http-text': { code: 120, outcomes: ['path good', 'path 400', 'scriptText shown', 'cursor 2'] },
  'http-server': {
    code: 1_000,
    outcomes: ['script', 'asset', 'phone-home', 'refused 403 /cloud-config/:mac'],
  },
  config: { code: 600, outcomes: ['good', 'is missing', 'refuse'] },
};

for (const name of TARGET_NAMES) {
  test.serial(`nothing is found in ${name} in its part of a minute, and new code is reached`, async (t) => {
    t.timeout(300_000);
    const milliseconds = TIME / TARGET_NAMES.length;
    const summary = await fuzzInThread(name, { seed: 20_261_121, milliseconds, leastInputs: LEAST_INPUTS });
    t.deepEqual(summary.findings.map(findingText), []);
    t.true(summary.executions >= LEAST_INPUTS, summaryLine(summary));
    t.true(summary.reached > summary.reachedBySeeds, summaryLine(summary));
    t.true(summary.reached >= REACH[name].code, summaryLine(summary));
    for (const outcome of REACH[name].outcomes) t.true((summary.outcomes[outcome] ?? 0) > 0, outcome);
    t.log(summaryLine(summary));
  });
}
