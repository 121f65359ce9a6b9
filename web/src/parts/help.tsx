import { Dialog } from './dialog.tsx';

const KEYS = [
  ['/', 'search the rack'],
  ['j, ↓', 'next machine'],
  ['k, ↑', 'machine before'],
  ['Enter', 'open the machine'],
  ['a', 'approve the machine'],
  ['u', 'back to the rack'],
  ['?', 'these keys'],
] as const;

/** Says what the keys do. */
export function HelpDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl class="keys-list">
        {KEYS.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
