import type { TestService } from './service.ts';

/** What a service says of its health, everywhere it says it. */
export interface Health {
  /** The metric `rackseed_trouble`. */
  readonly troubles: number;
  readonly isReady: boolean;
  /** Errors and the recoveries from them in the log, without what else there is in it. */
  readonly logged: readonly string[];
  /** The same of the events. */
  readonly notices: readonly string[];
}

/** Asks a service for its health. `pattern` chooses the log lines and events that belong to the trouble. */
export async function healthOf(service: TestService, pattern: RegExp): Promise<Health> {
  const lines = service.child.output().split('\n');
  const messages = lines.flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const { level, msg } = JSON.parse(line) as { readonly level: number; readonly msg: string };
    return level >= 30 && pattern.test(msg) ? [msg] : [];
  });
  const notices: string[] = [];
  const signal = AbortSignal.timeout(500);
  try {
    for await (const { data } of await service.api.events({ lastId: 0, signal })) {
      const { type, detail } = data as unknown as { readonly type: string; readonly detail: string };
      if (type === 'notice' && pattern.test(detail)) notices.push(detail);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return {
    troubles: await service.metric('rackseed_trouble'),
    isReady: await service.api.isReady(),
    logged: messages,
    notices,
  };
}
