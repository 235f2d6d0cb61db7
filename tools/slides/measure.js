// Walks through a reveal.js deck, every fragment shown, and measures each slide in slide pixels:
// as it stands, and with each of its folds (hints, an answer) opened.
// Returns [{number, title, width, height, culprit, small: [...], unnamed: [...]}].
async () => {
  const describe = (e) =>
    `<${e.tagName.toLowerCase()}${e.getAttribute('class') ? ' class="' + e.getAttribute('class').slice(0, 40) + '"' : ''}>`;
  const visible = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const frame = document.querySelector('.reveal .slides');

  function measure(slide, found, state) {
    const scale = Reveal.getScale();
    const { left, top } = frame.getBoundingClientRect();
    for (const e of slide.querySelectorAll('*')) {
      if (e.closest('aside.notes, mjx-assistive-mml, .cnn-offscreen') || !visible(e)) continue;
      if (e.matches('svg *') && !e.matches('text, tspan')) continue;
      const box = e.getBoundingClientRect();
      if (box.width === 0 || box.height === 0) continue;
      const x = (box.right - left) / scale;
      const y = (box.bottom - top) / scale;
      if ((x > 1280.5 && x > found.right) || (y > 720.5 && y > found.bottom)) found.culprit = describe(e) + state;
      found.right = Math.max(found.right, x);
      found.bottom = Math.max(found.bottom, y);
      const words = [...e.childNodes].filter((n) => n.nodeType === 3 && n.data.trim()).map((n) => n.data.trim());
      if (words.length && !e.closest('style, script, option, mjx-container')) {
        const { c, d } = e.matches('svg *') ? e.getScreenCTM() : { c: 0, d: scale };
        const drawn = Math.hypot(c, d) / scale; // as tall as that, turned or not
        const size = parseFloat(getComputedStyle(e).fontSize) * drawn;
        if (size < 13.95) found.small.add(`${size.toFixed(1)} px "${words.join(' ').slice(0, 40)}"`);
      }
      const picture = e.matches('img') || (e.matches('svg') && !e.closest('mjx-container, [aria-hidden="true"]'));
      if (picture && !(e.alt || e.getAttribute('aria-label') || e.querySelector?.('title'))) found.unnamed.add(describe(e));
    }
  }

  const results = [];
  for (const slide of Reveal.getSlides()) {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v, 1000);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const found = { right: 0, bottom: 0, culprit: '', small: new Set(), unnamed: new Set() };
    measure(slide, found, '');
    for (const fold of slide.querySelectorAll('details:not([open])')) {
      if (fold.closest('aside.notes')) continue;
      fold.open = true;
      measure(slide, found, `, "${fold.querySelector('summary')?.textContent.trim()}" open,`);
      fold.open = false;
    }
    const heading = slide.querySelector('h1, h2, h3');
    results.push({
      number: Reveal.getSlidePastCount() + 1,
      title: (heading ?? slide).textContent.replace(/\s+/g, ' ').trim().slice(0, 60),
      width: Math.ceil(found.right - 0.5), height: Math.ceil(found.bottom - 0.5), culprit: found.culprit,
      small: [...found.small], unnamed: [...found.unnamed],
    });
  }
  return results;
}
