import { request } from 'node:http';
import type { Static } from '@fastify/type-provider-typebox';
import type { AdminListen } from '../config/config.ts';
import type { LeasesAnswer, MachinesAnswer } from './admin-schemas.ts';

/** A machine as `GET /v1/machines` shows it. */
export type ShownMachine = Static<typeof MachinesAnswer>['machines'][number];

/** A lease as `GET /v1/leases` shows it. */
export type ShownLease = Static<typeof LeasesAnswer>['leases'][number];

/** The machines that the running service has seen. Throws an Error for people. */
export async function listMachines(listen: AdminListen): Promise<readonly ShownMachine[]> {
  return (await ask<{ machines: readonly ShownMachine[] }>(listen, '/v1/machines')).machines;
}

/** The addresses that the running service has leased. Throws an Error for people. */
export async function listLeases(listen: AdminListen): Promise<readonly ShownLease[]> {
  return (await ask<{ leases: readonly ShownLease[] }>(listen, '/v1/leases')).leases;
}

/** True when a service listens there and is ready to answer machines. */
export async function isReady(listen: AdminListen): Promise<boolean> {
  const answer = await get(listen, '/readyz').catch(() => undefined);
  return answer?.status === 200;
}

async function ask<Answer>(listen: AdminListen, path: string): Promise<Answer> {
  const { status, body } = await get(listen, path).catch((error: NodeJS.ErrnoException) => {
    const place = 'path' in listen ? listen.path : `${listen.host}:${listen.port}`;
    throw new Error(
      `can't ask the service at ${place} (${error.code ?? error.message}): is it running? Start it with "rackseed serve"`,
    );
  });
  if (status !== 200) throw new Error(`the service answered ${status} to ${path}: ${body.slice(0, 200)}`);
  return JSON.parse(body) as Answer;
}

function get(listen: AdminListen, path: string): Promise<{ status: number; body: string }> {
  const target = 'path' in listen ? { socketPath: listen.path } : listen;
  return new Promise((resolve, reject) => {
    const asked = request({ ...target, path, timeout: 5000 }, async (response) => {
      try {
        let body = '';
        for await (const chunk of response.setEncoding('utf8')) body += chunk;
        resolve({ status: response.statusCode ?? 0, body });
      } catch (error) {
        reject(error);
      }
    });
    asked.on('timeout', () => asked.destroy(new Error(`${path} was not answered within 5 s`)));
    asked.on('error', reject);
    asked.end();
  });
}
