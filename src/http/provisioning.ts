import type { FastifyInstance } from 'fastify';
import { registerBootFiles } from './boot-files.ts';
import type { ProvisioningContext } from './context.ts';
import { registerDocumentRoutes } from './document-routes.ts';
import { registerFiles } from './files.ts';
import { createMachineApp, type MachineAppOptions } from './machine-app.ts';
import { registerMachineRoutes } from './machine-routes.ts';
import { registerPhoneHome } from './phone-home.ts';

/** What the provisioning app is made of. */
export type ProvisioningOptions = ProvisioningContext & MachineAppOptions;

/**
 * The HTTP server of one provisioning network: scripts, documents and files for machines. Not listening yet.
 *
 *     const app = createProvisioningApp({ network, config, ready, cache: new FileCache(() => 1e9), … });
 *     await app.listen({ host: '192.168.0.254', port: 80 });
 */
export function createProvisioningApp(options: ProvisioningOptions): FastifyInstance {
  const app = createMachineApp(options);
  app.get('/', (_, reply) =>
    reply
      .type('text/plain; charset=utf-8')
      .send(`rackseed: boots machines on network ${options.network.name}. They begin at /boot.ipxe.\n`),
  );
  registerMachineRoutes(app, options);
  registerDocumentRoutes(app, options);
  registerPhoneHome(app, options);
  registerFiles(app, options);
  registerBootFiles(app, options);
  return app;
}
