// What every page does: theme, menu, search, progress, and reaching what scrolls sideways.
window.cnn ??= {};
{
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, set = {}, ...inside) => {
    const made = Object.assign(document.createElement(tag), set);
    made.append(...inside);
    return made;
  };
  const kept = (key) => { // null, too, in a browser that keeps nothing
    try { return JSON.parse(localStorage.getItem(`cnn-course/${key}`)); } catch { return null; }
  };
  const root = document.documentElement, main = $('#main'), lessons = $('#lessons');
  const [menu, theme, search, query, found] = ['#menu', '#theme', '#search', '#query', '#found'].map((id) => $(id));

  const dark = () => (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : '')) === 'dark';
  theme.onclick = () => {
    root.dataset.theme = dark() ? 'light' : 'dark';
    theme.ariaPressed = dark();
    try { localStorage.setItem('cnn-course/theme', root.dataset.theme); } catch { /* for this page only */ }
  };
  theme.ariaPressed = dark();

  const open = (on) => { menu.ariaExpanded = on; lessons.classList.toggle('open', on); };
  menu.onclick = () => open(menu.ariaExpanded !== 'true');
  lessons.onclick = ({ target }) => { if (target.closest('a')) open(false); };
  document.onkeydown = ({ key }) => { if (key === 'Escape' && menu.ariaExpanded === 'true') { open(false); menu.focus(); } };

  // Sections that hold every word, those with most of them in the heading first.
  const look = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    found.hidden = !words.length || !cnn.index;
    if (found.hidden) return;
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
  query.addEventListener('focus', () => {
    document.head.append(make('script', { src: 'assets/search-index.js', onload: look }));
  }, { once: true });
  query.oninput = look;
  search.onsubmit = (event) => { event.preventDefault(); $('a', found)?.click(); };
  search.onclick = ({ target }) => { if (target.closest('a')) found.hidden = true; };
  search.addEventListener('focusout', ({ relatedTarget: to }) => { if (to && !search.contains(to)) found.hidden = true; });
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
    for (const { dataset: { lesson, questions, exercises }, firstElementChild: link } of all('[data-lesson]')) {
      const ids = exercises.split(' ').filter(Boolean), records = Object.values(kept(`answers/${lesson}`)?.answers ?? {});
      const numbers = [records.filter((one) => one.checked || one.locked || one.revealed).length, +questions,
        ids.filter((id) => solved.includes(id)).length, ids.length];
      numbers.forEach((number, i) => { sum[i] += number; });
      const [tried, asked, done, set] = numbers, begun = tried + done;
      const mark = begun >= asked + set ? '●' : begun ? '◐' : '○';
      const says = `${tried} of ${asked} questions${set ? `, ${done} of ${set} exercises` : ''}`;
      Object.assign($('.state', link), { textContent: mark, title: says });
      for (const card of all(`[data-of="${lesson}"]`)) card.textContent = begun ? `${mark} ${says}` : '';
      rows.push(make('li', {}, `${mark} `, make('a', { href: link.href }, link.innerText.replace(mark, '').trim()), ` ${says}`));
    }
    const total = `${sum[0]} of ${sum[1]} questions answered, ${sum[2]} of ${sum[3]} exercises solved.`;
    for (const place of all('#total')) place.textContent = total;
    for (const place of all('[data-progress]')) {
      place.replaceChildren(make('p', {}, total), make('ul', { className: 'progress' }, ...rows));
      place.dataset.state = 'live';
    }
  };
  progress();
  for (const event of ['storage', 'cnn-answers', 'cnn-exercises']) addEventListener(event, progress);

  // Tab stops at what scrolls sideways, and only at that.
  const reach = () => all('.scroll, .cnn-picture, .cnn-board, .display, .wide', main).forEach((box) => {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0; else box.removeAttribute('tabindex');
  });
  new ResizeObserver(reach).observe(main);
  document.addEventListener('toggle', reach, true);
  for (const control of [menu, theme, search]) control.hidden = false;
}
