import { DATA_FOLDER } from './docker-disk.ts';
import { type Script, scriptFile } from './scripts.ts';
import { type Section, sectionUnit } from './section.ts';

/** An archive of container images, as a machine fetches it. */
export interface PreloadedArchive {
  readonly url: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

const ORIGIN = 'preload';
const SCRIPT: Script = { file: 'preload.sh', path: '/opt/bin/rackseed-preload' };
const UNIT = 'rackseed-preload.service';

/** Most seconds for all archives: coreos-cloudinit waits for the unit, and is ended after ten minutes. */
const PATIENCE = 240;

/** Where machines fetch the archive at `path` below assets/, of the server at `server`. */
export function preloadUrl(server: string, path: string): string {
  return `${server}/assets/${path}`;
}

/**
 * The unit that loads container images before the kubelet starts. The kubelet waits for it but doesn't require it: an image
 * that isn't there can still be pulled. With `hasDisk` archives lie on the local disk until they are loaded.
 */
export function expandPreload(
  archives: readonly PreloadedArchive[],
  engine: 'containerd' | 'docker',
  hasDisk: boolean,
): Section {
  const folder = hasDisk ? DATA_FOLDER : '/var/tmp';
  const words = archives.flatMap(({ url, sha256 }) => [url, sha256]);
  const content = `[Unit]
Description=Load container images
Wants=network-online.target ${engine}.service
After=network-online.target containerd.service docker.service
${hasDisk ? `RequiresMountsFor=${DATA_FOLDER}\n` : ''}StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=${PATIENCE}
ExecStart=${[SCRIPT.path, engine, folder, ...words].join(' \\\n  ')}
Restart=on-failure
RestartSec=30

[Install]
WantedBy=multi-user.target
`;
  const wait = `[Unit]\nWants=${UNIT}\nAfter=${UNIT}\n`;
  return {
    files: [scriptFile(SCRIPT, ORIGIN)],
    units: [
      sectionUnit({ name: UNIT, content, command: 'start', origin: ORIGIN }),
      sectionUnit({
        name: 'kubelet.service',
        dropIns: [{ name: '10-preload.conf', content: wait }],
        origin: ORIGIN,
      }),
    ],
  };
}
