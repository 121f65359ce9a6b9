import { fileURLToPath } from 'node:url';
import { start } from '../../src/lab/process.ts';
import { type Contender, serverOf } from '../benchmark.ts';

const RENDERER = fileURLToPath(new URL('../documents/renderer.ts', import.meta.url));

/** rackseed's documents and certificates alone, made on demand in a process of their own. */
export const renderer: Contender = {
  name: 'rackseed',
  async start({ namespace, scratch, address }) {
    const node = [process.execPath, ...process.execArgv, RENDERER, scratch, address];
    const server = await start(namespace.command(node));
    await server.waitFor(/ready/, 30_000);
    return serverOf(server);
  },
};
