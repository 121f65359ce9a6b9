import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

export interface DialogProps {
  readonly title: string;
  /** The word on the button that does it; absent when there is only something to read. */
  readonly submit?: string;
  readonly danger?: boolean;
  /** Does it; the dialog stays open and shows why when this rejects. */
  readonly onSubmit?: () => Promise<void>;
  /** Called when it has closed, either way. */
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A modal dialog that is open from the start. Escape and Cancel close it; focus goes back to where it was. */
export function Dialog({ title, submit, danger, onSubmit, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);

  async function run(event: Event) {
    event.preventDefault();
    if (busy || !onSubmit) return;
    setBusy(true);
    setProblem('');
    try {
      await onSubmit();
      dialog.current?.close();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  }

  return (
    <dialog ref={dialog} aria-labelledby={heading} onClose={onClose}>
      <form method="dialog" onSubmit={submit ? run : undefined}>
        <h2 id={heading} class="dialog-title">
          {title}
        </h2>
        <div class="dialog-body">{children}</div>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <div class="dialog-buttons">
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            {submit ? 'Cancel' : 'Close'}
          </button>
          {submit && (
            <button type="submit" class={`button ${danger ? 'danger' : 'primary'}`} disabled={busy}>
              {submit}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}
