// A question: the notebook's card, with answers kept in the browser as the notebooks keep them.
window.cnn ??= {};

cnn.answers = {                 // of a lesson, by its name: question id -> record
  last: Promise.resolve(),
  read: (name) => cnn.store.get(`cnn-course/answers/${name}`, {}).answers ?? {},
  write(name, answers) {
    cnn.store.set(`cnn-course/answers/${name}`, { version: 1, answers });
    dispatchEvent(new Event("cnn-answers"));
  },
  change(name, id, act) {       // one after the other: each begins with what the last one left
    const done = this.last.then(async () => {
      const record = await act(this.read(name)[id] ?? {});
      this.write(name, { ...this.read(name), [id]: record });
    });
    this.last = done.catch(() => {});
    return done;
  },
  download(name) {
    const file = { version: 1, answers: this.read(name) };
    cnn.save(`${name}.json`, JSON.stringify(file, null, 1));
  },
  async take(name, file) {      // the file's answers win, all others stay; returns what was before
    const taken = await cnn.ask("answers_read", name, await file.text()), before = this.read(name);
    this.write(name, { ...before, ...taken });
    return before;
  },
};

cnn.Question = class {
  static count = 0;

  constructor(root) {
    Object.assign(this, { root, id: root.dataset.question, key: `card-${++cnn.Question.count}` });
  }

  async open() {
    this.name = await cnn.ask("answers_name", this.id);
    const made = await this.stored(), form = document.createElement("form");
    this.kind = made.kind;
    form.className = `cnn-quiz cnn-quiz-kind-${made.kind}`;
    form.innerHTML = `${made.prompt}${this.entry(made)}
      <div class="cnn-quiz-buttons">${'<button class="jupyter-button"></button>'.repeat(4)}</div>
      ${'<div role="status"></div>'.repeat(3)}`;
    this.inputs = [...form.querySelectorAll("input")];
    this.buttons = [...form.querySelectorAll("button")];
    this.areas = [...form.querySelectorAll('[role="status"]')];
    this.buttons[0].classList.add("mod-primary");
    form.onsubmit = (event) => {  // Enter in the text presses the first button, Check
      event.preventDefault();
      this.act(event.submitter.value);
    };
    this.enter(made.record.answer);
    this.show(made);
    this.root.replaceChildren(form);
    for (const name of ["storage", "cnn-answers"]) addEventListener(name, () => this.follow());
  }

  entry({ kind, options, unit }) {
    const words = cnn.text(`Your answer${unit && ` (${unit})`}`), keys = Object.keys(options);
    const type = kind === "choice" ? "radio" : "checkbox", name = this.key;
    const option = (key) => `<label><input type="${type}" name="${name}" value="${key}">
      <span>${cnn.text(options[key])}</span></label>`;
    return keys.length
      ? `<fieldset class="live-options"><legend>${words}</legend>${keys.map(option).join("")}</fieldset>`
      : `<div class="widget-text"><label class="widget-label" for="${name}">${words}</label>
        <input type="text" id="${name}" autocomplete="off"></div>`;
  }

  get answer() {
    const on = this.inputs.filter((one) => one.checked).map((one) => one.value);
    return { choices: on, choice: on[0] ?? "" }[this.kind] ?? this.inputs[0].value;
  }

  enter(answer) {               // what differs from it later was written here
    this.entered = answer;
    for (const one of this.inputs) {
      if (one.type === "text") one.value = answer;
      else one.checked = [answer].flat().includes(one.value);
    }
  }

  get kept() {
    return cnn.answers.read(this.name)[this.id] ?? {};
  }

  stored() {
    return cnn.ask("question_open", this.id, this.kept);
  }

  async follow() {              // another card or another page may have changed the record
    if (!cnn.same(this.kept, this.record)) this.show(await this.stored());
  }

  act(action) {
    const typed = this.answer, touched = !cnn.same(typed, this.entered);
    return cnn.answers.change(this.name, this.id, async (now) => {
      const mine = cnn.same(now.answer ?? this.entered, this.entered);
      const said = [this.id, now, action, touched ? typed : null, mine];
      const made = await cnn.ask("question_act", ...said);
      this.show(made);
      return made.record;
    });
  }

  show({ record, buttons, hints_html, feedback_html, notice = "" }) {
    const draft = !cnn.same(this.answer, this.entered), closed = record.locked || record.revealed;
    this.record = record;
    if (!draft || closed || cnn.same(this.answer, record.answer)) this.enter(record.answer);
    this.inputs.forEach((one) => { one.disabled = closed; });
    buttons.forEach(([value, textContent, disabled], i) =>
      Object.assign(this.buttons[i], { value, textContent, disabled }));
    const lost = cnn.store.lost && `Your answers are ${cnn.store.lost}`;
    const said = [hints_html, feedback_html, cnn.text(notice || lost)];
    said.forEach((html, i) => cnn.say(this.areas[i], html));
  }
};

cnn.Answers = class {           // at the end of a lesson: its answers as a file of the notebooks
  constructor(root) {
    Object.assign(this, { root, name: root.dataset.answers });
  }

  open() {
    this.root.innerHTML = `<button>Save my answers</button>
      <label>Open saved answers <input type="file" accept=".json"></label><p role="status"></p>`;
    const [save, , said] = this.root.children, file = this.root.querySelector("input");
    save.onclick = () => cnn.answers.download(this.name);
    file.onchange = () => this.take(file.files[0], said).finally(() => { file.value = ""; });
  }

  async take(file, said) {
    try {
      const before = await cnn.answers.take(this.name, file);
      said.innerHTML = `Answers taken from ${cnn.text(file.name)}. <button>Undo</button>`;
      said.lastChild.onclick = () => {
        cnn.answers.write(this.name, before);
        said.textContent = "Your earlier answers are back.";
      };
    } catch (error) {
      said.textContent = `${file.name} is not taken: ${error.message}.`;
    }
  }
};
