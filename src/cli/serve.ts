import { once } from 'node:events';
import { pino } from 'pino';
import { openServiceManager } from '../net/service-manager.ts';
import { startService } from '../service.ts';
import { requireConfig } from './load.ts';

/** `rackseed serve`: serves until SIGINT or SIGTERM, and reads the configuration again on SIGHUP. */
export async function serveCommand(directory: string, level: string): Promise<void> {
  const config = await requireConfig(directory);
  // What writes lines for people is loaded where there are some.
  const logger = process.stdout.isTTY
    ? pino({ level }, (await import('./log.ts')).pretty())
    : pino({ level });
  const manager = openServiceManager({
    environment: process.env,
    pid: process.pid,
    onError: ({ message }) => logger.warn(`systemd can't be told how the service is: ${message}`),
  });
  const service = await startService(config, logger);
  manager.ready(service.status());
  process.on('SIGHUP', async () => {
    manager.reloading();
    await service.reload();
    manager.ready(service.status());
  });
  const [signal] = await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  logger.info(`${signal}: stopping`);
  manager.stopping();
  await service.stop();
  manager.stop();
}
