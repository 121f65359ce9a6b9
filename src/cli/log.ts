import { PinoPretty } from 'pino-pretty';

/** The log as lines for people: time, level where it matters, message. Colours only where the terminal wants them. */
export function pretty() {
  return PinoPretty({
    colorize: process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb',
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,mac,stage',
    sync: true,
  });
}
