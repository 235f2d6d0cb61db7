/* A lesson in JupyterLab: the keyboard alone goes through it, and widgets say whether they live.

   A JupyterLab extension written by hand, since it needs nothing that must be built: JupyterLab
   loads this file and asks the container at its end for the plugin. While presenting, all keys are
   the deck's. */

(() => {
  const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';
  const CONTROL = '.jupyter-widgets '
    + ':is(input, textarea, select, button, .noUi-handle, [role="application"])';
  const FIRST = `${CONTROL}:not(:disabled, .cnn-pad-strokes input)`;
  const STEP = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

  const presenting = () => document.body.dataset.jpDeckMode === 'presenting';
  const isNotebook = (panel) => Boolean(panel?.sessionContext && panel.content?.widgets);
  const controlOf = (event) => (event.target.matches?.(CONTROL) ? event.target : null);

  function stop(event) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  // ---------------------------------------------------------------- keys

  let ran = null; // the cell that Shift+Enter left last

  /** Before anyone else: what ipywidgets would keep for itself, and the first Tab after a run. */
  function before(event, app) {
    const panel = app.shell.currentWidget;
    if (presenting() || !isNotebook(panel) || event.isComposing) return;
    const book = panel.content;
    const control = controlOf(event);
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (!control || !plain) {
      if (event.key === 'Tab' && plain && !event.shiftKey) intoLastCard(event, book);
      else if (event.key === 'Enter' && event.shiftKey) ran = book.activeCell;
      else if (event.key !== 'Shift') ran = null;
      return;
    }
    if (event.key === 'Escape') {
      stop(event);
      book.mode = 'command';
      book.activeCell.node.focus();
    } else if (event.key === 'Enter') {
      enter(event, control, app);
    } else if (control.type === 'radio' && event.key in STEP) {
      stop(event);
      const all = [...control.closest('.widget-radio-box').querySelectorAll('input')];
      const next = all[(all.indexOf(control) + STEP[event.key] + all.length) % all.length];
      next.focus();
      next.click();
    }
  }

  /** Enter in an answer checks it; with Shift it goes on to the next cell as well. */
  function enter(event, control, app) {
    const choosing = ['radio', 'checkbox'].includes(control.type);
    const pressing = control.matches('button');
    if (choosing) control.closest('.cnn-quiz')?.querySelector('.mod-primary')?.click();
    if (choosing || (pressing && event.shiftKey)) stop(event);
    // A text field's own Enter reaches the kernel first.
    if (event.shiftKey) setTimeout(() => app.commands.execute('notebook:move-cursor-down'));
  }

  /** The first Tab after Shift+Enter goes into what the cell just run has put on the page. */
  function intoLastCard(event, book) {
    const left = ran;
    ran = null;
    const here = book.widgets[book.activeCellIndex - 1] === left && event.target.matches('.jp-Cell');
    const control = here && left.node.querySelector(FIRST);
    if (control) {
      stop(event);
      control.focus();
    }
  }

  /** After everyone in the page and before JupyterLab: a control in use keeps its keys. */
  function after(event) {
    const single = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (single && !presenting() && controlOf(event)) event.stopPropagation();
  }

  // ------------------------------------------------- widgets and their kernel

  const outputsOf = (cell) => (cell.model.type === 'code' ? cell.model.outputs.toJSON() : []);
  const viewOf = (output) => output.data?.[WIDGET_VIEW];
  const keyOf = (panel) => `course-widgets:${panel.context.path}`;

  /** Note which widget each output shows: files hold none, as their ids differ from run to run. */
  function remember(panel) {
    const views = {};
    for (const cell of panel.content.widgets) {
      const found = outputsOf(cell).map(viewOf).filter(Boolean);
      if (found.length) views[cell.model.id] = found;
    }
    const kernel = panel.sessionContext.session?.kernel?.id;
    if (!kernel || !Object.keys(views).length) return;
    try {
      localStorage.setItem(keyOf(panel), JSON.stringify({ kernel, views }));
    } catch {
      // A browser that stores nothing: the panels are stills after a reload, and say so.
    }
  }

  /** After a reload, show the widgets again that still live in the kernel. */
  async function reconnect(panel) {
    await Promise.all([panel.context.ready, panel.sessionContext.ready]);
    const kernel = panel.sessionContext.session?.kernel;
    const noted = JSON.parse(localStorage.getItem(keyOf(panel)) ?? 'null');
    if (!kernel || noted?.kernel !== kernel.id) return;
    const reply = await kernel.requestCommInfo({ target_name: 'jupyter.widget' });
    const alive = reply.content.comms ?? {};
    const { dirty } = panel.context.model;
    for (const cell of panel.content.widgets) {
      const views = [...(noted.views[cell.model.id] ?? [])];
      outputsOf(cell).forEach((output, index) => {
        const still = /class="cnn-(explorer|quiz)/.test([output.data?.['text/html']].flat().join(''));
        if (!still || viewOf(output) || !views.length) return;
        const view = views.shift();
        if (!(view.model_id in alive)) return;
        const data = { ...output.data, [WIDGET_VIEW]: view };
        cell.model.outputs.set(index, { ...output, data });
      });
    }
    panel.context.model.dirty = dirty;
  }

  /** Mark a notebook whose kernel has gone: the stylesheet then says it on each card and panel. */
  function mark(panel) {
    const kernel = panel.sessionContext.session?.kernel;
    const gone = !kernel || ['dead', 'terminating'].includes(kernel.status);
    panel.node.classList.toggle('cnn-no-kernel', gone);
  }

  const known = new WeakSet();

  function look(app) {
    for (const panel of app.shell.widgets('main')) {
      if (!isNotebook(panel) || known.has(panel)) continue;
      known.add(panel);
      panel.context.saveState.connect((_, state) => {
        if (state === 'completed') remember(panel);
      });
      panel.sessionContext.ready.then(() => mark(panel));
      panel.sessionContext.statusChanged.connect(() => mark(panel));
      panel.sessionContext.kernelChanged.connect(() => mark(panel));
      void reconnect(panel);
    }
  }

  const plugin = {
    id: 'cnn-course-page:plugin',
    description: 'The keyboard and the widgets of a lesson',
    autoStart: true,
    activate: (app) => {
      document.addEventListener('keydown', (event) => before(event, app), true);
      document.body.addEventListener('keydown', after);
      window.addEventListener('pagehide', () => {
        for (const panel of app.shell.widgets('main')) if (isNotebook(panel)) remember(panel);
      });
      app.shell.layoutModified.connect(() => look(app));
    },
  };

  (window._JUPYTERLAB ??= {})['cnn-course-page'] = {
    init: () => {},
    get: async () => () => ({ __esModule: true, default: plugin }),
  };
})();
