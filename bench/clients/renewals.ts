import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { start } from '../../src/lab/process.ts';
import type { Trial } from '../benchmark.ts';
import { CLIENTS } from '../rig.ts';
import type { DhcpOutcome } from './perfdhcp.ts';

const GENERATOR = fileURLToPath(new URL('../machines/renewals.ts', import.meta.url));
/** Until all machines have their addresses, milliseconds. */
const READY_TIMEOUT = 300_000;

/** Machines that have their addresses. */
export interface Renewals {
  /** Has them renew these, `rate` each second. */
  run(rate: number, seconds: number): Promise<DhcpOutcome>;
  stop(): Promise<unknown>;
}

/** Starts a process that plays so many machines behind a relay agent; resolves when each has its address. */
export async function renew(
  { clients, address, site, signal }: Pick<Trial, 'clients' | 'address' | 'site' | 'signal'>,
  machines: number,
): Promise<Renewals> {
  const socketPath = join(site.scratch, 'renewals.sock');
  const node = [process.execPath, ...process.execArgv, GENERATOR];
  const child = await start(clients.command([...node, socketPath, CLIENTS, address, `${machines}`]));
  signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
  await child.waitFor(/ready/, READY_TIMEOUT);
  return {
    run: (rate, seconds) =>
      new Promise((resolve, reject) => {
        request({ socketPath, path: `/?rate=${rate}&seconds=${seconds}`, signal }, (response) => {
          text(response).then((body) => resolve(JSON.parse(body) as DhcpOutcome), reject);
        })
          .on('error', reject)
          .end();
      }),
    stop: () => child.stop(),
  };
}
