import type { RefObject } from 'preact';
import { useLayoutEffect, useMemo, useState } from 'preact/hooks';
import { offsetsOf, type Visible, visibleRows } from '../model/visible.ts';

/** Rows that are drawn above and below what shows. */
const SPARE = 12;

/** Which rows of a long list to draw while the page is scrolled, and how to bring one into view. */
export interface VisibleRows extends Visible {
  reveal(index: number): void;
}

/**
 * Follows the scroll position of the page.
 * @param list the element that the rows are in
 * @param heights of all rows, in pixels; the same array while nothing changes
 */
export function useVisible(list: RefObject<HTMLElement | null>, heights: readonly number[]): VisibleRows {
  const offsets = useMemo(() => offsetsOf(heights), [heights]);
  const [span, setSpan] = useState({ top: 0, bottom: innerHeight });

  useLayoutEffect(() => {
    let frame = 0;
    const measure = () => {
      frame = 0;
      const top = Math.max(0, -(list.current?.getBoundingClientRect().top ?? 0));
      // In steps, so that not every pixel is a new drawing.
      const step = 120;
      const next = Math.floor(top / step) * step;
      setSpan((before) =>
        before.top === next && before.bottom === next + innerHeight + step
          ? before
          : { top: next, bottom: next + innerHeight + step },
      );
    };
    const later = () => {
      frame ||= requestAnimationFrame(measure);
    };
    measure();
    addEventListener('scroll', later, { passive: true });
    addEventListener('resize', later);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', later);
      removeEventListener('resize', later);
    };
  }, []);

  return {
    ...visibleRows(offsets, span.top, span.bottom, SPARE),
    reveal(index) {
      const origin = (list.current?.getBoundingClientRect().top ?? 0) + scrollY;
      const top = origin + (offsets[index] ?? 0);
      const bottom = origin + (offsets[index + 1] ?? 0);
      // Below what sticks to the top, above the bar at the bottom.
      const margin = 130;
      if (top < scrollY + margin) scrollTo({ top: top - margin });
      else if (bottom > scrollY + innerHeight - 60) scrollTo({ top: bottom - innerHeight + 60 });
    },
  };
}
