import { setTimeout as pause } from 'node:timers/promises';
import { bootMachine } from './machine.ts';
import { STAGES, type Stage, type StormOrder, type StormReport } from './order.ts';
import { openRelayAgent } from './relay-agent.ts';

// Switches on a rack and prints what became of it: storm.ts ORDER, a StormOrder as JSON. The answer is a StormReport.

const order = JSON.parse(process.argv[2] ?? '') as StormOrder;
const { first, machines, begins, spread, limit } = order;
const agent = await openRelayAgent(order.giaddr, order.server);
const stages = Object.fromEntries(STAGES.map((name) => [name, [] as number[]])) as Record<Stage, number[]>;
const failures: Record<string, number> = {};
let up = 0;
let retries = 0;
let lastUp = 0;
const watch = {
  stage: (name: Stage, milliseconds: number) => void stages[name].push(milliseconds),
  retried(times: number) {
    retries += times;
  },
};

async function run(place: number): Promise<void> {
  await pause(begins + (place / machines) * spread - Date.now());
  try {
    await bootMachine(first + place, order, agent, watch);
    up += 1;
    lastUp = Date.now() - begins;
  } catch (error) {
    const { message } = error as Error;
    failures[message] = (failures[message] ?? 0) + 1;
  }
}

await pause(begins - Date.now());
const before = process.cpuUsage();
await Promise.race([
  Promise.all(Array.from({ length: machines }, (_, place) => run(place))),
  pause(begins + limit - Date.now()),
]);
const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
if (up + failed < machines) failures['not up in time'] = machines - up - failed;
const { user, system } = process.cpuUsage(before);
const report: StormReport = { lastUp, up, retries, failures, stages, cpuSeconds: (user + system) / 1e6 };
process.stdout.write(JSON.stringify(report), () => process.exit());
