import type { ApiClient } from '../../src/api-client/client.ts';
import type { ShownEvent } from '../../src/api-client/types.ts';

/**
 * The first event of the journal that is wanted, of those since the service began and those to come. Throws, with the last
 * ones that came, when there is none within `timeout` milliseconds.
 */
export async function told(
  api: ApiClient,
  isWanted: (event: ShownEvent) => boolean,
  timeout: number,
): Promise<ShownEvent> {
  const came: string[] = [];
  const signal = AbortSignal.timeout(timeout);
  try {
    for await (const { id, data } of await api.events({ lastId: 0, signal })) {
      const event = data as unknown as ShownEvent;
      if (id !== undefined && isWanted(event)) return event;
      if (id !== undefined) came.push(`${event.type} ${event.kind ?? event.state ?? ''}: ${event.detail}`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  throw new Error(`what was waited for did not happen; the last events:\n${came.slice(-20).join('\n')}`);
}
