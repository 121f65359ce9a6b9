import { type ReadonlySignal, signal } from '@preact/signals';

export interface Toast {
  readonly id: number;
  readonly severity: 'info' | 'warning' | 'error';
  readonly text: string;
}

/** Short notices at the edge of the page, and words for screen readers only. */
export interface Notices {
  readonly toasts: ReadonlySignal<readonly Toast[]>;
  /** What a screen reader says next. */
  readonly spoken: ReadonlySignal<string>;
  show(severity: Toast['severity'], text: string): void;
  /** Shows what an error says. */
  fail(error: unknown): void;
  dismiss(id: number): void;
  speak(text: string): void;
}

/** How long a notice stays, milliseconds. */
const STAY = { info: 5_000, warning: 12_000, error: 12_000 };

const MOST = 4;

export function createNotices(): Notices {
  const toasts = signal<readonly Toast[]>([]);
  const spoken = signal('');
  let count = 0;

  function dismiss(id: number) {
    toasts.value = toasts.value.filter((toast) => toast.id !== id);
  }

  function show(severity: Toast['severity'], text: string) {
    // The same again, such as every poll that fails, stays one.
    const others = toasts.value.filter((toast) => toast.text !== text);
    count += 1;
    const id = count;
    toasts.value = [...others, { id, severity, text }].slice(-MOST);
    setTimeout(() => dismiss(id), STAY[severity]);
  }

  return {
    toasts,
    spoken,
    show,
    fail: (error) => show('error', error instanceof Error ? error.message : String(error)),
    dismiss,
    speak(text) {
      spoken.value = text;
    },
  };
}
