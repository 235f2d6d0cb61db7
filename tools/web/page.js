// What every page does: theme, menu, search, progress, places that scroll by themselves.
window.cnn ??= {};
{
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, text, set = {}) => Object.assign(document.createElement(tag), { textContent: text }, set);
  const kept = (key) => {
    try { return JSON.parse(localStorage.getItem(`cnn-course/${key}`)); } catch { return null; }
  };

  // Theme: the button says what it turns on or off.
  const root = document.documentElement, theme = $('#theme');
  const dark = () => getComputedStyle(root).colorScheme === 'dark'
    || (!root.dataset.theme && matchMedia('(prefers-color-scheme: dark)').matches);
  theme.onclick = () => {
    root.dataset.theme = dark() ? 'light' : 'dark';
    try { localStorage.setItem('cnn-course/theme', root.dataset.theme); } catch { /* this page only */ }
    theme.setAttribute('aria-pressed', dark());
  };
  theme.setAttribute('aria-pressed', dark());

  // The list of lessons, which a narrow page hides.
  const menu = $('#menu'), lessons = $('#lessons');
  const open = (on) => { menu.setAttribute('aria-expanded', on); lessons.classList.toggle('open', on); };
  menu.onclick = () => open(menu.getAttribute('aria-expanded') !== 'true');
  lessons.onclick = ({ target }) => { if (target.closest('a')) open(false); };

  // Search: sections that hold every word, those with a word in their heading first.
  const query = $('#query'), found = $('#found'), search = $('#search');
  query.addEventListener('focus', () => {
    document.head.append(make('script', '', { src: 'assets/search-index.js', onload: () => look() }));
  }, { once: true });
  const look = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    found.hidden = !words.length || !cnn.index;
    if (found.hidden) return;
    const rank = ([, , , heading]) => words.filter((word) => heading.toLowerCase().includes(word)).length;
    const hits = cnn.index
      .filter((row) => words.every((word) => `${row[3]} ${row[4]}`.toLowerCase().includes(word)))
      .sort((a, b) => rank(b) - rank(a));
    $('p', found).textContent = hits.length ? `${hits.length} found` : 'Nothing found.';
    $('ol', found).replaceChildren(...hits.slice(0, 20).map(([file, title, anchor, heading, text]) => {
      const link = make('a', '', { href: `${file}#${anchor}` });
      const at = Math.max(0, Math.min(...words.map((w) => text.toLowerCase().indexOf(w)).filter((i) => i >= 0), text.length) - 50);
      const snippet = make('span', '');
      for (const piece of text.slice(at, at + 170).split(new RegExp(`(${words.map((w) => w.replace(/\W/g, '\\$&')).join('|')})`, 'i')))
        snippet.append(words.includes(piece.toLowerCase()) ? make('mark', piece) : piece);
      link.append(make('strong', heading), make('small', title), snippet);
      const item = make('li', '');
      item.append(link);
      return item;
    }));
  };
  query.oninput = look;
  search.onsubmit = (event) => { event.preventDefault(); $('a', found)?.click(); };
  search.onkeydown = (event) => {
    const stops = [query, ...all('a', found)], to = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') { found.hidden = true; query.focus(); }
    if (!to || found.hidden) return;
    event.preventDefault();
    stops[Math.max(0, Math.min(stops.length - 1, stops.indexOf(document.activeElement) + to))].focus();
  };
  search.onclick = ({ target }) => { if (target.closest('a')) found.hidden = true; };
  search.addEventListener('focusout', ({ relatedTarget: to }) => { if (to && !search.contains(to)) found.hidden = true; });

  // Progress, from what questions and exercises keep.
  const progress = () => {
    const solved = kept('exercises') ?? [], sum = { tried: 0, done: 0, questions: 0, exercises: 0 }, rows = [];
    for (const item of all('#lessons [data-lesson]')) {
      const { lesson, questions, exercises } = item.dataset, ids = exercises.split(' ').filter(Boolean);
      const records = Object.values(kept(`answers/${lesson}`)?.answers ?? {});
      const tried = records.filter((one) => one.checked || one.locked || one.revealed).length;
      const done = ids.filter((id) => solved.includes(id)).length, left = questions - tried + ids.length - done;
      const says = `${tried} of ${questions} questions` + (ids.length ? `, ${done} of ${ids.length} exercises` : '');
      const link = $('a', item), mark = !left ? '●' : tried + done ? '◐' : '○';
      $('.state', link)?.remove();
      link.append(make('span', mark, { className: 'state', title: says }));
      $('.state', link).setAttribute('aria-hidden', 'true');
      for (const card of all(`[data-progress-of="${lesson}"] .state`)) card.textContent = tried + done ? `${mark} ${says}` : '';
      rows.push([link.href, `${mark} ${$('.number', link).textContent} ${link.children[1].textContent}`, says]);
      sum.tried += tried; sum.done += done; sum.questions += +questions; sum.exercises += ids.length;
    }
    const total = `${sum.tried} of ${sum.questions} questions answered, ${sum.done} of ${sum.exercises} exercises solved.`;
    if ($('#total')) $('#total').textContent = total;
    for (const place of all('[data-progress]')) {
      place.replaceChildren(make('p', total), make('ul', '', { className: 'progress' }));
      for (const [href, name, says] of rows) {
        const item = make('li', '');
        item.append(make('a', name, { href }), ` ${says}`);
        $('ul', place).append(item);
      }
      place.dataset.state = 'live';
    }
  };
  progress();
  addEventListener('storage', progress);
  addEventListener('cnn-progress', progress);

  // What scrolls sideways can be reached from the keyboard, and only that.
  let due = 0;
  const reach = () => {
    due = 0;
    for (const box of all('.scroll, .cnn-picture, .math.display')) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0; else box.removeAttribute('tabindex');
    }
  };
  const soon = () => { due ||= requestAnimationFrame(reach); };
  new ResizeObserver(soon).observe($('main'));
  new MutationObserver(soon).observe($('main'), { childList: true, subtree: true });
  document.addEventListener('toggle', soon, true);

  for (const control of [menu, theme, search]) control.hidden = false;
}
