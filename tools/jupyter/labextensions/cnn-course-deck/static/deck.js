/* The live deck as a lecturer needs it, on top of jupyterlab-slideshow (0.3.4).

   That extension hides JupyterLab and styles the slide. Left to itself, it shows a white page when
   it begins at a hidden cell (jupyterlab-deck#43), knows no keys of a clicker (#50), takes the keys
   of a focused control for its own, leaves the notebook's editing keys on, and after a reload
   presents the Launcher. This script decides which cells are shown and what each key does: moving
   on from a question shows its answer first.

   It is a prebuilt extension of JupyterLab written by hand, without a build: an object with `init`
   and `get`, as webpack's module federation would make it. tools/lab.py says where it lies. */

(() => {
  const KEPT = 'cnn-course-deck'; // in sessionStorage: the notebook and cell that a reload returns to
  const POPUP = '.jp-Dialog, .lm-Menu, .lm-CommandPalette';
  const TYPING = 'input:not([type="radio"], [type="checkbox"], [type="button"], [type="range"])'
    + ', select, textarea, [contenteditable="true"]';
  const CONTROL = 'input, button, summary, a[href], [role="slider"], [role="application"], '
    + TYPING;
  const EDITOR = '.cm-editor';

  const presenting = () => document.body.dataset.jpDeckMode === 'presenting';
  const isBlack = () => document.body.classList.contains('cnn-deck-black');
  const setBlack = (on) => document.body.classList.toggle('cnn-deck-black', on);

  /** The steps of a notebook, one for each press of a key: its cells and its slide's number. */
  function stepsOf(book) {
    const steps = [];
    book.widgets.forEach((cell, index) => {
      const kind = cell.model.getMetadata('slideshow')?.slide_type;
      if (kind === 'skip' || kind === 'notes') return;
      if (!steps.length) steps.push({ slide: 1, cells: [] });
      else if (kind === 'fragment') steps.push({ slide: steps.at(-1).slide, cells: [] });
      else if (kind?.endsWith('slide')) steps.push({ slide: steps.at(-1).slide + 1, cells: [] });
      steps.at(-1).cells.push(index);
    });
    return steps;
  }

  /** The number of the step that is nearest to a cell. */
  function nearest(steps, cell) {
    const away = steps.map((step) => Math.min(...step.cells.map((one) => Math.abs(one - cell))));
    return away.indexOf(Math.min(...away));
  }

  function activate(app) {
    const { commands, shell } = app;
    const number = document.body.appendChild(document.createElement('div'));
    number.className = 'cnn-deck-number';
    const run = document.body.appendChild(document.createElement('button'));
    Object.assign(run, { className: 'cnn-deck-run', textContent: '▶ Run', hidden: true });
    let panel = null; // the notebook on the screen
    let reached = 0; // the last step that is shown
    let wanted = false; // somebody asked for the deck in this tab

    /** Let a slide that is too tall fit: a question is written smaller, then pictures shrink. */
    function fit() {
      const room = panel?.content.node.querySelector('.jp-WindowedPanel-outer');
      if (!presenting() || !room) return;
      const { style } = document.body;
      let card = 25; // the size of a question's type, in pixels of 1280 x 720
      let shrunk = 0; // by how much the pictures are lower than they might be
      style.setProperty('--deck-card', card);
      style.setProperty('--deck-shrink', shrunk);
      while (room.scrollHeight > room.clientHeight + 1 && (card > 17 || shrunk < 120)) {
        if (card > 17) style.setProperty('--deck-card', card -= 1);
        else style.setProperty('--deck-shrink', shrunk += 8);
      }
    }
    // What comes later, an answer or a picture, is fitted when it is there.
    const watchSize = new ResizeObserver(fit);

    /** Show the slide of the active cell: to the step that was reached, or to the cell's own. */
    function paint() {
      if (!presenting() || !panel || panel.isDisposed) return;
      const book = panel.content;
      const steps = stepsOf(book);
      const here = nearest(steps, book.activeCellIndex);
      if (steps[here].slide !== steps[reached]?.slide || here > reached) reached = here;
      if (!steps[here].cells.includes(book.activeCellIndex)) {
        book.activeCellIndex = steps[here].cells[0];
      }
      const { slide } = steps[reached];
      const onScreen = steps.filter((step) => step.slide === slide).flatMap((step) => step.cells);
      const visible = steps.slice(0, reached + 1).flatMap((step) => step.cells);
      book.widgets.forEach((cell, index) => {
        const on = onScreen.includes(index);
        cell.toggleClass('jp-deck-mod-onscreen', on);
        cell.toggleClass('jp-deck-mod-visible', on && visible.includes(index));
      });
      number.textContent = `${slide} / ${steps.at(-1).slide}`;
      paintRun(book, visible.filter((index) => onScreen.includes(index)));
      const content = book.node.querySelector('.jp-WindowedPanel-viewport');
      if (content) watchSize.observe(content); // again is no harm
      requestAnimationFrame(fit);
      const cell = book.widgets[steps[reached].cells[0]].model.id;
      sessionStorage.setItem(KEPT, JSON.stringify({ path: panel.context.path, cell }));
    }

    /** Show a step, counted from 0, or the first or last one; the keys belong to the slide then. */
    function go(step) {
      const book = panel.content;
      const steps = stepsOf(book);
      reached = Math.max(0, Math.min(step, steps.length - 1));
      book.mode = 'command';
      book.deselectAll();
      book.activeCellIndex = steps[reached].cells[0];
      paint();
      book.activeCell.node.focus({ preventScroll: true });
    }

    /** Show the answer of a question on the screen; false if there is none left to show. */
    function reveal() {
      const open = '.jp-deck-mod-visible .cnn-quiz:not([data-cnn-asked])';
      for (const card of panel.content.node.querySelectorAll(open)) {
        card.dataset.cnnAsked = 'yes'; // once: where no kernel answers, the next press moves on
        const buttons = [...card.querySelectorAll('button')];
        const button = buttons.find((one) => one.textContent.trim() === 'Reveal');
        const fold = card.querySelector('details:last-of-type:not([open])');
        if (button) button.click();
        if (fold) fold.open = true;
        if (button || fold) return true;
      }
      return false;
    }

    const onward = () => reveal() || go(reached + 1);

    /** The button that runs the cell of a slide which says so by its tag: training, while one talks. */
    function paintRun(book, visible) {
      const cell = visible.map((index) => book.widgets[index])
        .find((one) => one.model.getMetadata('tags')?.includes('run-live'));
      run.hidden = !cell;
      run.onclick = () => {
        book.activeCellIndex = book.widgets.indexOf(cell);
        commands.execute('notebook:run-cell');
      };
    }

    // The extension paints on these signals, too: ours comes after it.
    const paintLater = () => queueMicrotask(paint);

    /** Take over the notebook on the screen; there is no deck of anything else. */
    function begin() {
      if (!presenting()) return;
      const widget = shell.currentWidget;
      const isDeck = wanted && widget?.content?.widgets && stepsOf(widget.content).length > 0;
      if (!isDeck) return void commands.execute('deck:stop');
      if (widget !== panel) {
        panel = widget;
        panel.content.activeCellChanged.connect(paintLater);
        panel.context.model.stateChanged.connect(paintLater);
      }
      go(nearest(stepsOf(panel.content), panel.content.activeCellIndex));
    }

    function end() {
      wanted = false;
      setBlack(false);
      sessionStorage.removeItem(KEPT);
      // The notebook goes on at the slide, once the extension has given it its height back.
      const cell = panel?.isDisposed ? null : panel?.content.activeCell;
      setTimeout(() => cell?.node.scrollIntoView({ block: 'center' }), 150);
    }

    /** After a reload: open the notebook that was presented, at its slide. */
    async function resume() {
      const kept = JSON.parse(sessionStorage.getItem(KEPT));
      const widget = kept && (await commands.execute('docmanager:open', { path: kept.path }));
      if (!widget) return;
      wanted = true;
      await widget.revealed;
      shell.activateById(widget.id);
      const index = widget.content.widgets.findIndex((cell) => cell.model.id === kept.cell);
      widget.content.activeCellIndex = Math.max(index, 0);
      await commands.execute('deck:start');
    }

    /** What a key does while presenting; nothing for the keys that belong to a control. */
    function actionOf({ key, target, shiftKey, ctrlKey, altKey, metaKey }) {
      const inEditor = target.closest(EDITOR);
      const control = target.closest(CONTROL);
      if (key === 'Escape') return () => commands.execute('deck:stop');
      if (key === 'Enter' && (shiftKey || ctrlKey || altKey || metaKey)) {
        // Shift+Enter would leave the slide for the next cell, Alt+Enter would add a cell.
        return inEditor || !control ? () => commands.execute('notebook:run-cell') : null;
      }
      if (ctrlKey || altKey || metaKey) return null;
      if (key === 'PageDown') return onward;
      if (key === 'PageUp') return () => go(reached - 1);
      if (['b', 'B', '.'].includes(key) && !target.closest(TYPING)) return () => setBlack(true);
      if (control) return null;
      if (key === 'Home') return () => go(0);
      if (key === 'End') return () => go(Infinity);
      if (['ArrowRight', 'ArrowDown'].includes(key)) return onward;
      if (['ArrowLeft', 'ArrowUp'].includes(key)) return () => go(reached - 1);
      if (key === ' ') return shiftKey ? () => go(reached - 1) : onward;
      return null;
    }

    window.addEventListener('keydown', (event) => {
      if (!presenting() || event.target.closest(POPUP)) return;
      const action = actionOf(event);
      if (!action) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (isBlack() && event.key !== 'Escape') setBlack(false);
      else action();
    }, true);

    // JupyterLab listens on the document: what stops here was heard by the control, not by it.
    document.body.addEventListener('keydown', (event) => {
      if (!presenting() || event.target.closest(`${POPUP}, ${EDITOR}`)) return;
      const saves = (event.ctrlKey || event.metaKey) && event.key === 's';
      if (!saves) event.stopPropagation();
    });

    window.addEventListener('click', (event) => {
      setBlack(false);
      // The extension's arrows for the mouse lead where the keys lead.
      const arrow = event.target.closest('.jp-Deck-Remote [class*="jp-deck-mod-direction"]');
      if (!arrow) return;
      event.stopImmediatePropagation();
      if (/forward|down/.test(arrow.className)) onward();
      else go(reached - 1);
    }, true);
    window.addEventListener('dblclick', (event) => {
      // It would open the text of a slide for editing.
      if (presenting() && event.target.closest('.jp-RenderedMarkdown')) event.stopPropagation();
    }, true);

    // noUiSlider, the slider of ipywidgets, does not give its handle the focus when it is dragged.
    window.addEventListener('pointerdown', (event) => {
      const slider = event.target.closest('.noUi-target');
      if (!slider) return;
      const handle = event.target.closest('.noUi-handle') ?? slider.querySelector('.noUi-handle');
      const focus = () => setTimeout(() => handle.focus({ preventScroll: true }));
      window.addEventListener('pointerup', focus, { capture: true, once: true });
    }, true);

    commands.commandExecuted.connect((_, { id }) => {
      if (id === 'deck:start' || id === 'deck:toggle') wanted = true;
    });
    app.restored.then(resume).catch(console.warn).then(() => {
      const watch = { attributes: true, attributeFilter: ['data-jp-deck-mode'] };
      new MutationObserver(() => (presenting() ? begin() : end())).observe(document.body, watch);
      shell.currentChanged.connect(begin);
      begin();
    });
  }

  const plugin = { id: 'cnn-course-deck:plugin', autoStart: true, activate };
  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB['cnn-course-deck'] = { init: () => {}, get: async () => () => plugin };
})();
