import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ConfigSource } from '../../config/config.ts';
import type { Leases } from '../../dhcp/links.ts';
import type { DhcpPresence } from '../../dhcp/other-servers.ts';
import type { Pulls } from '../../images/pulls.ts';
import type { Journal } from '../../machines/journal.ts';
import type { Rack } from '../../machines/rack.ts';

/** What the routes of the admin app show and change. */
export interface AdminContext {
  readonly rack: Rack;
  readonly journal: Journal;
  readonly config: ConfigSource;
  /** Each network of the configuration, as it is served now. */
  readonly networks: () => Iterable<AdminNetwork>;
  /** Images that the service pulls. */
  readonly pulls: Pulls;
  /** Of this program. */
  readonly version: string;
  /** Makes one change after another, so that what was checked before a change still holds when it is made. */
  readonly inTurn: <Result>(task: () => Promise<Result>) => Promise<Result>;
}

/** The addresses of a network, and who gives them. */
export interface AdminNetwork {
  readonly name: string;
  readonly dhcp: DhcpPresence;
  readonly leases: Pick<Leases, 'size' | 'leases'>;
}

/** What routes are added to. */
export type AdminRoutes = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
