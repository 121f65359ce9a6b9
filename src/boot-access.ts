import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { ConfigSource, Network } from './config/config.ts';
import { openBootCa } from './http/boot-ca.ts';
import type { ProvisioningContext } from './http/context.ts';
import { GuessLimit } from './http/guess-limit.ts';
import { createHttpsApp } from './http/https-app.ts';
import { keepCertificate } from './http/https-certificate.ts';
import type { MachineAppOptions } from './http/machine-app.ts';
import { RenderedDocuments } from './http/rendered-documents.ts';
import type { Ca } from './kubernetes/ca.ts';
import { BootTokens } from './machines/boot-tokens.ts';
import type { Store } from './store/store.ts';

/** What decides who gets machines' documents and keys, and proves to machines who gives them: one for all networks. */
export interface BootAccess {
  readonly tokens: BootTokens;
  readonly guesses: GuessLimit;
  readonly rendered: RenderedDocuments;
  /** The CA of the HTTPS apps, renewed when it is time. Rejects with an Error that says what to do. */
  ca(): Promise<Ca>;
  /** Its certificate, PEM. */
  bootCa(): string;
}

/** Takes up the tokens in the store, and the CA beside it, which is made if need be. Rejects when it can't be used. */
export async function openBootAccess(config: ConfigSource, store: Store): Promise<BootAccess> {
  const directory = join(config().store.directory, 'boot-ca');
  let current = await openBootCa(directory, Date.now());
  return {
    tokens: new BootTokens({
      records: store.bootTokens(),
      // While the disk can't be written, known machines boot all the same. The store says so, and catches up; what this
      // process would lose until then are tokens that no longer open anything, and which of the others were used.
      save: (tokens) => store.saveBootTokens(tokens).catch(() => {}),
      remove: (mac) => store.removeBootTokens(mac),
      lifetime: () => config().bootToken * 1000,
    }),
    guesses: new GuessLimit(),
    rendered: new RenderedDocuments(),
    async ca() {
      current = await openBootCa(directory, Date.now());
      return current;
    },
    bootCa: () => current.pem,
  };
}

/** The HTTPS server of one network. */
export interface HttpsService {
  /** Looks at once whether its certificate is to be replaced. Never rejects. */
  renew(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts to give machines of `network` their keys. `listen` makes the app answer. Rejects when it can't. */
export async function openHttps(
  network: Network,
  access: BootAccess,
  options: ProvisioningContext & MachineAppOptions,
  listen: (app: FastifyInstance) => Promise<void>,
): Promise<HttpsService> {
  const { app, useCertificate } = createHttpsApp(options);
  const certificate = await keepCertificate({
    ca: () => access.ca(),
    address: network.address,
    use: useCertificate,
    onError: (error) => options.logger.error({ err: error }, 'the HTTPS certificate could not be renewed'),
  });
  const stop = async () => {
    certificate.stop();
    await app.close();
  };
  try {
    await listen(app);
  } catch (error) {
    await stop();
    throw error;
  }
  return { renew: certificate.renew, stop };
}
