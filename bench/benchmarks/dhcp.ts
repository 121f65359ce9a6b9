import type { Benchmark, Trial } from '../benchmark.ts';
import { type DhcpOutcome, perfdhcp } from '../clients/perfdhcp.ts';
import { dnsmasqDhcp } from '../peers/dnsmasq.ts';
import { kea } from '../peers/kea.ts';
import { rackseed } from '../peers/rackseed.ts';
import { untilIdle, usageOf } from '../usage.ts';
import { findHighestRate } from './rate-search.ts';

const MACHINES = 20_000;
/** The rate at which latency is compared: below every contender's limit. */
const EASY_RATE = 200;
const FIRST_RATE = 500;
const HIGHEST_RATE = 64_000;
const MOST_LOST = 0.001;
/** perfdhcp has to keep up too. */
const LEAST_SENT = 0.95;
/** How long a server may take to work off what a rate too high has left in its queues, milliseconds. */
const RECOVERY = 10_000;

/** The highest rate of complete exchanges (DISCOVER, OFFER, REQUEST, ACK) that loses less than one in a thousand. */
export const dhcp: Benchmark = {
  name: 'dhcp',
  summary: 'four-way exchanges per second by perfdhcp, against dnsmasq and Kea',
  contenders: [rackseed, dnsmasqDhcp, kea],
  goals: new Map([[dnsmasqDhcp.name, 10]]),
  programs: new Map([
    ['perfdhcp', 'kea-admin'],
    ['dnsmasq', 'dnsmasq-base'],
    ['kea-dhcp4', 'kea-dhcp4-server'],
  ]),
  files: () => new Map(),
  scenarios: [
    {
      title: `DHCP exchanges, ${MACHINES.toLocaleString('en')} machines through a relay, less than 0.1 % lost`,
      metrics: [
        { name: 'exchanges/s', digits: 0 },
        { name: `ms at ${EASY_RATE}/s`, digits: 2 },
        { name: 'CPU s/10,000', digits: 2 },
      ],
      measure,
    },
  ],
};

async function measure(trial: Trial): Promise<readonly number[]> {
  const { clients, address, pid, previous, quick, signal } = trial;
  const seconds = quick ? 1 : 2;
  const load = async (rate: number): Promise<DhcpOutcome & { readonly cpuSeconds: number }> => {
    const before = usageOf(pid).cpuSeconds;
    const outcome = await perfdhcp(clients, address, { rate, seconds, clients: MACHINES }, signal);
    await untilIdle(pid, RECOVERY);
    return { ...outcome, cpuSeconds: usageOf(pid).cpuSeconds - before };
  };

  const { latency } = await load(EASY_RATE);
  const best = await findHighestRate({
    first: previous === undefined ? FIRST_RATE : Math.max(1, Math.round(previous / 2)),
    highest: HIGHEST_RATE,
    refinements: quick ? 2 : 3,
    attempt: async (rate) => {
      const outcome = await load(rate);
      const { begun, completed } = outcome;
      const sustained = begun >= rate * seconds * LEAST_SENT && completed > begun * (1 - MOST_LOST);
      return sustained ? outcome : undefined;
    },
  });
  if (!best) return [0, latency, Number.NaN];
  return [best.completed / seconds, latency, (best.cpuSeconds / best.completed) * 10_000];
}
