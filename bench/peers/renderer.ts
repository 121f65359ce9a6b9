import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RolldownOptions, rolldown } from 'rolldown';
import { loadConfig } from 'rolldown/config';
import { packageRoot } from '../../src/lab/package-root.ts';
import { start } from '../../src/lab/process.ts';
import { type Contender, serverOf } from '../benchmark.ts';

const RENDERER = fileURLToPath(new URL('../documents/renderer.ts', import.meta.url));
/** Beside dist/, since what is bundled finds the program's other files from there. */
const BUNDLE = join(packageRoot, 'dist-bench');

/** rackseed's documents and certificates alone, made on demand in a process of their own: bundled and run as the program is. */
export const renderer: Contender = {
  name: 'rackseed',
  async start({ namespace, scratch, address }) {
    await bundle();
    const node = [process.execPath, join(BUNDLE, 'renderer.js'), scratch, address];
    const server = await start(namespace.command(node));
    await server.waitFor(/ready/, 30_000);
    return serverOf(server);
  },
};

async function bundle(): Promise<void> {
  const { output, ...options } = (await loadConfig(
    join(packageRoot, 'rolldown.config.mjs'),
  )) as RolldownOptions;
  const bundled = await rolldown({ ...options, input: { renderer: RENDERER } });
  await bundled.write({ ...output, dir: BUNDLE });
  await bundled.close();
}
