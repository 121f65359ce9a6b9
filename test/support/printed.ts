import type { Output } from '../../src/cli/check.ts';

/** Collects what a command writes; `whenLine` waits for a line that matches. */
export class Printed implements Output {
  #text = '';
  readonly #waiting = new Set<() => void>();

  write(text: string): void {
    this.#text += text;
    for (const check of this.#waiting) check();
  }

  get text(): string {
    return this.#text;
  }

  get lines(): string[] {
    return this.#text.split('\n').slice(0, -1);
  }

  whenLine(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!this.lines.some((line) => pattern.test(line))) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }
}
