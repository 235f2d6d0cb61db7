/* The pen of the pad in lenet5.py. The page's part is this: strokes, from mouse, finger, pen or
   keyboard, are written into the text input beside the surface, "x,y x,y;x,y" in 32nds of the pad,
   and `input` events say so. Whoever listens to that input (here ipywidgets) draws the ink; until
   it has, the surface itself shows the strokes. It keeps nothing else, so that the
   listener may clear or shorten the text at any time between two strokes. Undo and Clear shorten
   the text here, too: a listener that is busy may hear of a button before it hears of the strokes
   that were drawn before. */
(surface) => {
  const [trace, ring] = surface.children;
  const pad = surface.closest('.cnn-pad-panel');
  let earlier = ''; // the strokes before the one under way
  let stroke = null; // its points, or null while the pen is up
  let pointer = null; // the finger or pen that draws; a palm beside it does not
  let at = [16, 16]; // where the keyboard's pen is

  const place = (event) => {
    const { left, top, width, height } = surface.getBoundingClientRect();
    const inside = (part) => Math.min(Math.max(32 * part, 0), 32);
    return [inside((event.clientX - left) / width), inside((event.clientY - top) / height)];
  };

  const strokes = () => pad.querySelector('.cnn-pad-strokes input');

  function say(text) {
    strokes().value = text;
    strokes().dispatchEvent(new Event('input', { bubbles: true }));
  }

  function draw(point) {
    at = point;
    ring.setAttribute('cx', at[0]);
    ring.setAttribute('cy', at[1]);
    if (stroke === null) return;
    const said = at.map((number) => number.toFixed(1)).join();
    if (stroke.at(-1) !== said) stroke.push(said);
    say(earlier + stroke.join(' '));
    const line = (points) => `M${points.split(' ')[0]}L${points}`; // a single point is a dot
    trace.setAttribute('d', strokes().value.split(';').map(line).join(''));
  }

  function down(point) {
    const text = strokes().value;
    earlier = text && `${text};`;
    stroke = [];
    ring.classList.add('cnn-down');
    draw(point);
  }

  function up() {
    stroke = pointer = null;
    ring.classList.remove('cnn-down');
  }

  surface.addEventListener('pointerdown', (event) => {
    if (pointer !== null || event.button) return;
    up(); // the keyboard's pen
    pointer = event.pointerId;
    surface.setPointerCapture(pointer);
    down(place(event));
  });
  // Who draws by hand leaves the keys where they are: with the slide, say.
  surface.addEventListener('mousedown', (event) => event.preventDefault());
  surface.addEventListener('pointermove', (event) => {
    if (event.pointerId === pointer) draw(place(event));
  });
  for (const end of ['pointerup', 'pointercancel']) {
    surface.addEventListener(end, (event) => event.pointerId === pointer && up());
  }

  surface.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: [-2, 0], ArrowRight: [2, 0], ArrowUp: [0, -2], ArrowDown: [0, 2] };
    if (event.ctrlKey || event.altKey || event.metaKey || pointer !== null) return;
    if (step[event.key]) {
      draw(at.map((number, i) => Math.min(Math.max(number + step[event.key][i], 0), 32)));
    } else if (event.key === ' ') {
      if (stroke === null) down(at);
      else up();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  pad.addEventListener('click', (event) => {
    const button = event.target.closest('.cnn-pad-undo, .cnn-pad-clear');
    if (button === null) return;
    up();
    const all = button.matches('.cnn-pad-clear');
    say(all ? '' : strokes().value.split(';').slice(0, -1).join(';'));
  });
  surface.addEventListener('blur', () => pointer === null && up());

  // New ink holds the finished stroke, or it was cleared: either way the trace has done its work.
  new MutationObserver(() => {
    if (stroke === null) trace.removeAttribute('d');
  }).observe(pad, { childList: true, subtree: true });
}
