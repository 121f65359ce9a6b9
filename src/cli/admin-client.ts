import { request } from 'node:http';
import type { AdminListen } from '../config/config.ts';

/**
 * Asks the running service: GET `path`, parsed from JSON.
 * Throws an Error for people when it can't be reached or refuses.
 */
export async function askService<Answer>(listen: AdminListen, path: string): Promise<Answer> {
  const { status, body } = await get(listen, path).catch((error: NodeJS.ErrnoException) => {
    const place = 'path' in listen ? listen.path : `${listen.host}:${listen.port}`;
    throw new Error(
      `rackseed can't be asked at ${place} (${error.code ?? error.message}): is it running? Start it with "rackseed serve"`,
    );
  });
  if (status !== 200) throw new Error(`rackseed answered ${status} to ${path}: ${body.slice(0, 200)}`);
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
