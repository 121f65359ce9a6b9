/** Two bytes between the steps of an input that has several: rare in packets, and found again wherever they are put. */
export const SEPARATOR = Buffer.of(0xf7, 0x5a);

/** One step of an input: a byte that says what to do, and what to do it with. */
export interface Step {
  readonly control: number;
  readonly payload: Uint8Array;
}

/** The steps of an input, up to `limit`; every input has some meaning. */
export function readSteps(bytes: Uint8Array, limit: number): Step[] {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const steps: Step[] = [];
  for (let start = 0; start < input.length && steps.length < limit; ) {
    const found = input.indexOf(SEPARATOR, start);
    const end = found < 0 ? input.length : found;
    if (end > start) steps.push({ control: input[start] ?? 0, payload: input.subarray(start + 1, end) });
    start = end + SEPARATOR.length;
  }
  return steps;
}

/** The input that has these steps. */
export function writeSteps(steps: readonly (readonly [control: number, payload: Uint8Array])[]): Buffer {
  return Buffer.concat(steps.flatMap(([control, payload]) => [Buffer.of(control), payload, SEPARATOR]));
}
