// An exercise: an editor, and the notebook's check in a Python of its own that the page can end.
window.cnn ??= {};

cnn.Exercise = class {
  static seconds = 5;

  constructor(root) {
    const { exercise, stub } = root.dataset, name = [...stub.matchAll(/^def (\w+)/gm)].pop()[1];
    Object.assign(this, { root, id: exercise, key: `cnn-course/code/${exercise}`, stub, name });
  }

  async open() {
    const solution = await cnn.ask("exercise_solution", this.id), id = `code-${this.id}`;
    const still = [...this.root.childNodes];
    this.root.innerHTML = `<label for="${id}">Your code for ${this.name}</label>
      <textarea id="${id}" aria-describedby="${id}-keys" spellcheck="false" autocapitalize="off">
      </textarea>
      <p id="${id}-keys" class="live-note">Tab indents; Escape, then Tab leaves the editor.
        Ctrl+Enter runs.</p>
      <button>Run</button> <button>Reset</button> <button>Download</button>
      <span class="live-note"></span><div role="status"></div>${solution}`;
    [this.run, this.reset, this.download] = this.root.querySelectorAll("button");
    [this.editor, , this.note, this.result] =
      this.root.querySelectorAll("textarea, .live-note, [role=status]");
    this.result.append(...still);
    this.editor.onkeydown = (event) => this.press(event);
    this.editor.oninput = () => this.changed();
    this.editor.onfocus = () => (cnn.checker ??= new cnn.Python()).ready.catch(() => {});  // early
    this.run.onclick = () => this.check();
    this.reset.onclick = () => confirm("Put the first lines back in place of your code?")
      && this.put(this.stub);
    this.download.onclick = () => cnn.save(`${this.name}.py`, this.editor.value);
    this.put(cnn.store.get(this.key, this.stub));
  }

  changed() {
    const { value } = this.editor, solved = cnn.store.get("cnn-course/exercises", []);
    if (value !== cnn.store.get(this.key, this.stub)) cnn.store.set(this.key, value);
    this.editor.rows = Math.max(6, value.split("\n").length + 1);
    const lost = cnn.store.lost && `Your code is ${cnn.store.lost}`;
    this.note.textContent = solved.includes(this.id) ? `✓ solved ${lost}` : lost;
  }

  put(text) {
    this.editor.value = text;
    this.changed();
  }

  press(event) {
    const { key } = event, leaving = this.leaving;
    if (key !== "Shift") this.leaving = key === "Escape";
    if (key === "Enter" && (event.ctrlKey || event.metaKey)) this.check();
    else if (key === "Tab" && !leaving) this.indent(event.shiftKey);
    else if (key === "Enter" && !event.isComposing) this.type(`\n${this.margin()}`);
    else return;
    event.preventDefault();
  }

  type(text) {                  // deprecated, and the one way that the browser's own undo knows
    document.execCommand(text ? "insertText" : "delete", false, text);
  }

  margin() {                    // of the next line
    const line = this.editor.value.slice(0, this.editor.selectionStart).split("\n").pop();
    return line.match(/^ */)[0] + (/:\s*$/.test(line) ? "    " : "");
  }

  indent(back) {                // the lines that are chosen; without a choice, put in four spaces
    const { value, selectionStart: start, selectionEnd: end } = this.editor;
    if (start === end && !back) return this.type("    ");
    const first = value.lastIndexOf("\n", start - 1) + 1, lines = value.slice(first, end);
    const moved = back ? lines.replace(/^ {1,4}/gm, "") : lines.replace(/^/gm, "    ");
    if (moved === lines) return;
    this.editor.setSelectionRange(first, end);
    this.type(moved);
    if (start !== end) this.editor.setSelectionRange(first, first + moved.length);
  }

  async check() {
    if (this.busy) return;
    this.busy = this.result.ariaBusy = true;
    this.run.textContent = "Running…";
    cnn.checker ??= new cnn.Python();
    const { seconds } = cnn.Exercise;
    const { state, html } = await cnn.checker
      .limited(seconds, "exercise_check", this.id, this.editor.value)
      .catch(({ name, message }) => name === "TimeUp"
        ? cnn.ask("exercise_endless", this.id, seconds) : { html: cnn.text(message) });
    cnn.say(this.result, html);
    const solved = cnn.store.get("cnn-course/exercises", []);
    if (state === "passed" && !solved.includes(this.id)) {
      cnn.store.set("cnn-course/exercises", [...solved, this.id].sort());
    }
    this.changed();
    this.run.textContent = "Run";
    this.busy = this.result.ariaBusy = false;
  }
};
