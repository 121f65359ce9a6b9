// Runs in the page: the texts whose colour is too near to what is behind them, as `4.1 .class "text"`.
(() => {
  const canvas = document.createElement('canvas');
  canvas.width = 1;
  canvas.height = 1;
  const paint = canvas.getContext('2d', { willReadFrequently: true });

  /** The colour that one sees when these lie on each other, the first at the bottom. */
  function blend(colours) {
    for (const colour of colours) {
      paint.fillStyle = colour;
      paint.fillRect(0, 0, 1, 1);
    }
    return paint.getImageData(0, 0, 1, 1).data;
  }

  // WCAG 2.2, relative luminance.
  function luminance([red, green, blue]) {
    const [r, g, b] = [red, green, blue].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function grounds(element) {
    const own = getComputedStyle(element).backgroundColor;
    return element.parentElement ? [...grounds(element.parentElement), own] : ['#fff', own];
  }

  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter(
      (node) => node.nodeType === Node.TEXT_NODE && node.data.trim(),
    );
    if (text.length === 0 || !element.checkVisibility()) continue;
    const behind = grounds(element);
    const back = luminance(blend(behind));
    const front = luminance(blend([...behind, getComputedStyle(element).color]));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} .${element.className} ${JSON.stringify(text[0].data)}`);
  }
  return [...new Set(found)];
})();
