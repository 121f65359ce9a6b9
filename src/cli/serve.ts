import { once } from 'node:events';
import { pino } from 'pino';
import { startService } from '../service.ts';
import { requireConfig } from './load.ts';
import { pretty } from './log.ts';

/** `rackseed serve`: serves until SIGINT or SIGTERM. */
export async function serveCommand(directory: string, level: string): Promise<void> {
  const config = await requireConfig(directory);
  const logger = process.stdout.isTTY ? pino({ level }, pretty()) : pino({ level });
  const service = await startService(config, logger);
  const [signal] = await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  logger.info(`${signal}: stopping`);
  await service.stop();
}
