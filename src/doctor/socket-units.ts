import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SERVICE_UNIT } from '../install/units.ts';

/** A port at which systemd waits for the service: what comes there starts it. */
export interface WaitingSocket {
  /** The socket unit: `rackseed-kubernetes1.socket`. */
  readonly unit: string;
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  /** The interface that it is bound to. */
  readonly device: string;
}

const PROPERTIES = ['Id', 'ActiveState', 'Triggers', 'BindToDevice', 'Listen'];
const PROTOCOLS: Readonly<Record<string, WaitingSocket['protocol']>> = { Datagram: 'udp', Stream: 'tcp' };

/** The sockets that systemd keeps open for the service; none where systemd doesn't run. */
export async function readWaitingSockets(): Promise<readonly WaitingSocket[]> {
  const argv = ['show', 'rackseed*.socket', `--property=${PROPERTIES.join(',')}`];
  const { stdout } = await promisify(execFile)('systemctl', argv).catch(() => ({ stdout: '' }));
  return parseSocketUnits(stdout);
}

/** Reads what systemctl(1) shows of socket units: a paragraph for each, with lines of `Property=value`. */
export function parseSocketUnits(text: string): readonly WaitingSocket[] {
  return text.split('\n\n').flatMap((paragraph) => {
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(paragraph)?.[1] ?? '';
    if (value('ActiveState') !== 'active' || value('Triggers') !== SERVICE_UNIT) return [];
    return [...paragraph.matchAll(/^Listen=\S*:(\d+) \((\w+)\)$/gm)].flatMap(([, port, kind = '']) => {
      const protocol = PROTOCOLS[kind];
      return protocol === undefined
        ? []
        : [{ unit: value('Id'), protocol, port: Number(port), device: value('BindToDevice') }];
    });
  });
}
