import type { Benchmark, Contender, Scenario, Trial } from '../benchmark.ts';
import { avalanche, type DhcpOutcome, perfdhcp, perfdhcpLatency } from '../clients/perfdhcp.ts';
import { renew } from '../clients/renewals.ts';
import { dnsmasqDhcp } from '../peers/dnsmasq.ts';
import { kea } from '../peers/kea.ts';
import { rackseed } from '../peers/rackseed.ts';
import { untilIdle, usageOf } from '../usage.ts';
import { findHighestRate } from './rate-search.ts';

const MACHINES = 40_000;
/** Machines that renew; each has got its address before. */
const RENEWING = 10_000;
const AVALANCHE = 10_000;
/** The rate at which latency is compared: below every contender's limit. */
const EASY_RATE = 200;
const FIRST_RATE = 500;
const HIGHEST_RATE = 64_000;
const MOST_LOST = 0.001;
/** The generator has to keep up too. */
const LEAST_SENT = 0.95;
/** How long a server may take to work off what a rate too high has left in its queues, milliseconds. */
const RECOVERY = 10_000;

const contenders: readonly [Contender, ...Contender[]] = [rackseed, dnsmasqDhcp, kea];

const exchanges: Scenario = {
  title: `DHCP exchanges, ${MACHINES.toLocaleString('en')} machines through a relay, less than 0.1 % lost`,
  metrics: [
    { name: 'exchanges/s', digits: 0 },
    { name: `p50 ms at ${EASY_RATE}/s`, digits: 2, better: 'less' },
    { name: `p99 ms at ${EASY_RATE}/s`, digits: 2, better: 'less' },
    { name: 'CPU s/10,000', digits: 2, better: 'less' },
  ],
  goals: [
    { metric: 'exchanges/s', value: 1.3, peer: kea.name },
    { metric: 'exchanges/s', value: 20, peer: dnsmasqDhcp.name },
  ],
  async measure(trial) {
    const { clients, address, quick, signal } = trial;
    const easy = { rate: EASY_RATE, seconds: quick ? 2 : 10, clients: MACHINES };
    const latency = await perfdhcpLatency(clients, address, easy, signal);
    const { rate, cpu } = await highest(trial, (rate, seconds) =>
      perfdhcp(clients, address, { rate, seconds, clients: MACHINES }, signal),
    );
    return [rate, latency.median, latency.p99, cpu];
  },
};

const renewals: Scenario = {
  title: `DHCP renewals only, ${RENEWING.toLocaleString('en')} machines through a relay, less than 0.1 % lost`,
  metrics: [
    { name: 'renewals/s', digits: 0 },
    { name: 'CPU s/10,000', digits: 2, better: 'less' },
  ],
  async measure(trial) {
    const generator = await renew(trial, trial.quick ? RENEWING / 10 : RENEWING);
    try {
      const { rate, cpu } = await highest(trial, (rate, seconds) => generator.run(rate, seconds));
      return [rate, cpu];
    } finally {
      await generator.stop();
    }
  },
};

const storm: Scenario = {
  title: `DHCP avalanche, ${AVALANCHE.toLocaleString('en')} machines at once until all have their addresses`,
  metrics: [
    { name: 'seconds', digits: 2, better: 'less' },
    { name: 'resent', digits: 0, better: 'less' },
    { name: 'CPU s', digits: 2, better: 'less' },
  ],
  goals: [{ metric: 'seconds', value: 1, peer: kea.name }],
  async measure({ clients, address, server, quick, signal }) {
    const before = usageOf(server).cpuSeconds;
    const { seconds, resent } = await avalanche(clients, address, quick ? AVALANCHE / 10 : AVALANCHE, signal);
    return [seconds, resent, usageOf(server).cpuSeconds - before];
  },
};

/** The highest rate of complete exchanges (DISCOVER, OFFER, REQUEST, ACK) that loses less than one in a thousand; renewals. */
export const dhcp: Benchmark = {
  name: 'dhcp',
  summary: 'four-way exchanges and renewals per second, and an avalanche, against dnsmasq and Kea',
  programs: new Map([
    ['perfdhcp', 'kea-admin'],
    ['dnsmasq', 'dnsmasq-base'],
    ['kea-dhcp4', 'kea-dhcp4-server'],
  ]),
  note: `Exchanges and the avalanche are perfdhcp's. It has no load of renewals alone, so these come from a generator here.
The times at ${EASY_RATE}/s are of single answers, OFFERs and ACKs alike.`,
  settings: [
    { contenders, scenarios: [exchanges] },
    { contenders, scenarios: [renewals] },
    { contenders, scenarios: [storm] },
  ],
};

/** The highest rate at which a load is answered, and what 10,000 answers cost the server then, CPU seconds. */
async function highest(
  { server, previous, quick }: Trial,
  run: (rate: number, seconds: number) => Promise<DhcpOutcome>,
): Promise<{ readonly rate: number; readonly cpu: number }> {
  const seconds = quick ? 1 : 2;
  const best = await findHighestRate({
    first: previous === undefined ? FIRST_RATE : Math.max(1, Math.round(previous / 2)),
    highest: HIGHEST_RATE,
    refinements: quick ? 2 : 3,
    attempt: async (rate) => {
      const before = usageOf(server).cpuSeconds;
      const { begun, completed } = await run(rate, seconds);
      await untilIdle(server, RECOVERY);
      const sustained = begun >= rate * seconds * LEAST_SENT && completed > begun * (1 - MOST_LOST);
      return sustained ? { completed, cpu: usageOf(server).cpuSeconds - before } : undefined;
    },
  });
  if (!best) return { rate: 0, cpu: Number.NaN };
  return { rate: best.completed / seconds, cpu: (best.cpu / best.completed) * 10_000 };
}
