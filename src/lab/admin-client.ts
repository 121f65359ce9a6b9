import { request } from 'node:http';
import type { Stage } from '../machines/machine.ts';

/** A machine as `GET /v1/machines` shows it; only what the lab looks at. */
export interface ShownMachine {
  readonly mac: string;
  readonly hostname: string;
  readonly admission: string;
  readonly address?: string;
  readonly firmware?: string;
  /** Times are ISO 8601. */
  readonly boot: readonly { readonly stage: Stage; readonly at: string; readonly detail: string }[];
}

/** True when the service that listens on this unix socket is ready to answer machines. */
export async function isReady(socketPath: string): Promise<boolean> {
  const answer = await get(socketPath, '/readyz').catch(() => undefined);
  return answer?.status === 200;
}

/** The machines that the service has seen. Throws when it doesn't answer. */
export async function listMachines(socketPath: string): Promise<readonly ShownMachine[]> {
  const { status, body } = await get(socketPath, '/v1/machines');
  if (status !== 200) throw new Error(`GET /v1/machines answered ${status}: ${body}`);
  return (JSON.parse(body) as { machines: readonly ShownMachine[] }).machines;
}

function get(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: 5000 }, async (response) => {
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
