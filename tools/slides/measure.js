// Walks through a reveal.js deck, every fragment shown, and measures each slide in slide pixels.
// Returns [{number, title, width, height, culprit, small: [...], unnamed: [...]}].
async () => {
  const describe = (e) =>
    `<${e.tagName.toLowerCase()}${e.getAttribute('class') ? ' class="' + e.getAttribute('class').slice(0, 40) + '"' : ''}>`;
  const visible = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const results = [];
  for (const slide of Reveal.getSlides()) {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v, 1000);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const scale = Reveal.getScale();
    const frame = document.querySelector('.reveal .slides').getBoundingClientRect();
    let [right, bottom, culprit] = [0, 0, ''];
    const small = new Set();
    const unnamed = new Set();
    for (const e of slide.querySelectorAll('*')) {
      if (e.closest('aside.notes, mjx-assistive-mml, .cnn-offscreen') || !visible(e)) continue;
      if (e.matches('svg *') && !e.matches('text, tspan')) continue;
      const box = e.getBoundingClientRect();
      if (box.width === 0 || box.height === 0) continue;
      const x = (box.right - frame.left) / scale;
      const y = (box.bottom - frame.top) / scale;
      if ((x > 1280.5 && x > right) || (y > 720.5 && y > bottom)) culprit = describe(e);
      right = Math.max(right, x);
      bottom = Math.max(bottom, y);
      const words = [...e.childNodes].filter((n) => n.nodeType === 3 && n.data.trim()).map((n) => n.data.trim());
      if (words.length && !e.closest('style, script, option, mjx-container')) {
        const drawn = e.matches('svg *') ? e.getScreenCTM().d / scale : 1;
        const size = parseFloat(getComputedStyle(e).fontSize) * drawn;
        if (size < 11.95) small.add(`${size.toFixed(1)} px "${words.join(' ').slice(0, 40)}"`);
      }
      const picture = e.matches('img') || (e.matches('svg') && !e.closest('mjx-container, [aria-hidden="true"]'));
      if (picture && !(e.alt || e.getAttribute('aria-label') || e.querySelector?.('title'))) unnamed.add(describe(e));
    }
    const heading = slide.querySelector('h1, h2, h3');
    results.push({
      number: Reveal.getSlidePastCount() + 1,
      title: (heading ?? slide).textContent.replace(/\s+/g, ' ').trim().slice(0, 60),
      width: Math.ceil(right - 0.5), height: Math.ceil(bottom - 0.5), culprit,
      small: [...small], unnamed: [...unnamed],
    });
  }
  return results;
}
