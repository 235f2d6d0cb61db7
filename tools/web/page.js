// What every page does: theme, menu, search, progress, and reaching what scrolls sideways.
window.cnn ??= {};
{
  const root = document.documentElement;
  const $ = (selector, within = root) => within.querySelector(selector);
  const all = (selector, within = root) => [...within.querySelectorAll(selector)];
  const make = (tag, set, ...inside) => {
    const made = Object.assign(document.createElement(tag), set);
    made.append(...inside);
    return made;
  };
  const kept = (key) => { // null, too, in a browser that keeps nothing
    try { return JSON.parse(localStorage.getItem(`cnn-course/${key}`)); } catch { return null; }
  };
  const [main, lessons, menu, theme, search, query, found] =
    ['main', 'lessons', 'menu', 'theme', 'search', 'query', 'found'].map((id) => $(`#${id}`));
  const night = matchMedia('(prefers-color-scheme: dark)');
  const dark = () => root.dataset.theme === 'dark' || (!root.dataset.theme && night.matches);
  theme.onclick = () => {
    root.dataset.theme = dark() ? 'light' : 'dark';
    try { localStorage.setItem('cnn-course/theme', root.dataset.theme); } catch { /* for this page only */ }
    theme.ariaPressed = dark();
  };
  theme.ariaPressed = dark();
  const open = (on) => { menu.ariaExpanded = on; lessons.classList.toggle('open', on); };
  menu.onclick = () => open(menu.ariaExpanded !== 'true');
  lessons.onclick = ({ target }) => { if (target.closest('a')) open(false); };
  const leave = ({ key }) => { if (key === 'Escape') { open(false); menu.focus(); } };
  lessons.onkeydown = menu.onkeydown = leave;
  // Sections that hold every word, those with most of them in the heading first.
  const look = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    if ((found.hidden = !words.length || !cnn.index)) return;
    const count = (text) => words.filter((word) => text.toLowerCase().includes(word)).length;
    const hits = cnn.index.filter((row) => count(`${row[3]} ${row[4]}`) === words.length);
    hits.sort((a, b) => count(b[3]) - count(a[3]));
    $('p', found).textContent = hits.length ? `${hits.length} found` : 'Nothing found.';
    const pieces = new RegExp(`(${words.map((word) => word.replace(/[^\w\s]/g, '\\$&')).join('|')})`, 'i');
    $('ol', found).replaceChildren(...hits.slice(0, 20).map(([file, title, anchor, heading, text]) => {
      const from = Math.max(0, text.search(pieces) - 50);
      const near = text.slice(from, from + 170).replace(from ? /^\S*\s/ : '', '');
      const snippet = near.split(pieces).map((piece, i) => (i % 2 ? make('mark', {}, piece) : piece));
      return make('li', {}, make('a', { href: `${file}#${anchor}` },
        make('strong', {}, heading), make('small', {}, title), make('span', {}, from ? '… ' : '', ...snippet)));
    }));
  };
  query.addEventListener('focus', () =>
    document.head.append(make('script', { src: 'assets/search-index.js', onload: look })), { once: true });
  query.oninput = look;
  search.onsubmit = (event) => { event.preventDefault(); $('a', found)?.click(); };
  document.onclick = ({ target }) => { if (!search.contains(target) || target.closest('a')) found.hidden = true; };
  search.onkeydown = (event) => {
    const stops = [query, ...all('a', found)], step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') { query.focus(); found.hidden = true; }
    if (!step || found.hidden) return;
    event.preventDefault();
    stops[Math.max(0, stops.indexOf(document.activeElement) + step)]?.focus();
  };

  // From what questions and exercises keep: ○ open, ◐ begun, ● all done.
  const progress = () => {
    const solved = kept('exercises') ?? [], sum = [0, 0, 0, 0], rows = [];
    for (const { dataset, firstElementChild: link } of all('[data-lesson]')) {
      const records = Object.values(kept(`answers/${dataset.lesson}`)?.answers ?? {});
      const tried = records.filter((one) => one.checked || one.locked || one.revealed).length;
      const ids = dataset.exercises.match(/\S+/g) ?? [], asked = +dataset.questions;
      const done = ids.filter((id) => solved.includes(id)).length, begun = tried + done;
      [tried, asked, done, ids.length].forEach((number, i) => { sum[i] += number; });
      const mark = begun >= asked + ids.length ? '●' : begun ? '◐' : '○';
      const says = `${tried} of ${asked} questions${ids.length ? `, ${done} of ${ids.length} exercises` : ''}`;
      Object.assign($('.state', link), { textContent: mark, title: says });
      all(`[data-of="${dataset.lesson}"]`).forEach((card) => { card.textContent = begun ? `${mark} ${says}` : ''; });
      rows.push(make('li', {}, `${mark} `, make('a', { href: link.href }, dataset.title), ` ${says}`));
    }
    const total = `${sum[0]} of ${sum[1]} questions answered, ${sum[2]} of ${sum[3]} exercises solved.`;
    all('#total').forEach((place) => place.replaceChildren(total));
    all('[data-progress]').forEach((place) =>
      place.replaceChildren(make('p', {}, total), make('ul', { className: 'progress' }, ...rows)));
  };
  progress();
  ['storage', 'cnn-answers', 'cnn-exercises'].forEach((event) => addEventListener(event, progress));

  // Tab stops at what scrolls sideways, and only at that.
  const reach = () => all('.scroll, .cnn-picture, .cnn-board, .display, .wide', main).forEach((box) => {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0; else box.removeAttribute('tabindex');
  });
  new ResizeObserver(reach).observe(main);
  document.addEventListener('toggle', reach, true);
  for (const control of [menu, theme, search]) control.hidden = false;
}
