import { Gauge, type Registry } from 'prom-client';
import type { MirrorState } from '../mirror/registry-mirror.ts';

/** A mirror whose state is shown. */
export interface ShownMirror {
  readonly name: string;
  readonly state: MirrorState;
  readonly restarts: number;
  readonly bytes: number;
}

/** Registers what is told of the mirrors of container registries: `mirrors` is asked each time it is read. */
export function createMirrorMetrics(registry: Registry, mirrors: () => Iterable<ShownMirror>): void {
  const show = (name: string, help: string, value: (mirror: ShownMirror) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['registry'],
      registers: [registry],
      collect() {
        this.reset();
        for (const mirror of mirrors()) this.set({ registry: mirror.name }, value(mirror));
      },
    });
  show('rackseed_mirror_up', '1 while the mirror of a registry answers', ({ state }) =>
    state === 'up' || state === 'cached' ? 1 : 0,
  );
  show(
    'rackseed_mirror_cached',
    '1 while the mirror only gives what it has, since its registry could not be reached when it was started',
    ({ state }) => (state === 'cached' ? 1 : 0),
  );
  show(
    'rackseed_mirror_restarts',
    'How often its process ended by itself or was given up',
    ({ restarts }) => restarts,
  );
  show('rackseed_mirror_bytes', 'What it kept when that was last looked at', ({ bytes }) => bytes);
}
