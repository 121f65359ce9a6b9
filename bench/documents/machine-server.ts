import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { FileCache } from '../../src/http/file-cache.ts';
import { GuessLimit } from '../../src/http/guess-limit.ts';
import { createProvisioningApp } from '../../src/http/provisioning.ts';
import { RenderedDocuments } from '../../src/http/rendered-documents.ts';
import { Turns } from '../../src/http/turns.ts';
import { createJoiner } from '../../src/kubernetes/joiner.ts';
import { BootTokens } from '../../src/machines/boot-tokens.ts';
import { identify } from '../../src/machines/identity.ts';
import type { Store } from '../../src/store/store.ts';
import { clusterOf, documentsOf, type Rack } from './rack.ts';

/**
 * What machines talk to, as the service makes it: scripts with tokens that are on disk, documents by these tokens, and a new
 * ECDSA certificate for each. One thing stands in for a rack: every machine has leased the address that it asks from, since
 * the load comes from one. Boots aren't followed.
 */
export function createMachineServer(rack: Rack, store: Store): FastifyInstance {
  const { config, network } = rack;
  const joiner = createJoiner(clusterOf(rack, 'ecdsa'), { addresses: () => undefined, observe: () => {} });
  const documents = documentsOf(rack, joiner, () => undefined);
  const caPem = readFileSync(rack.cluster.ca, 'utf8');
  return createProvisioningApp({
    ...documents,
    network,
    config: () => config,
    identify: (mac) => identify(config, mac),
    cache: new FileCache(() => 0),
    checkFile: async () => {},
    rendered: new RenderedDocuments(),
    turns: new Turns(() => performance.now()),
    tokens: new BootTokens({
      records: [],
      save: (tokens) => store.saveBootTokens(tokens),
      remove: (mac) => store.removeBootTokens(mac),
      lifetime: () => config.bootToken * 1000,
    }),
    guesses: new GuessLimit(),
    bootCa: () => caPem,
    now: Date.now,
    leasedAddress: (_, from) => from,
    machineAt: () => undefined,
    findByUuid: () => undefined,
    onInventory: () => {},
    observe: () => {},
    ready: () => true,
    logger: pino({ level: 'silent' }),
  });
}
