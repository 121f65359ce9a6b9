import { start } from '../../src/lab/process.ts';
import { type Contender, serverOf } from '../benchmark.ts';
import { untilFetched } from '../clients/curl.ts';

/** tftpd-hpa, standalone: a process for every transfer. It says nothing when it is ready, so it is asked for a file. */
export const tftpdHpa: Contender = {
  name: 'tftpd-hpa',
  async start({ namespace, address, files, clients, signal }) {
    const server = await start(
      namespace.command([
        'in.tftpd',
        '--listen',
        '--foreground',
        '--address',
        `${address}:69`,
        '--secure',
        files,
      ]),
    );
    await untilFetched(clients, server, `tftp://${address}/ready`, signal);
    return serverOf(server);
  },
};
