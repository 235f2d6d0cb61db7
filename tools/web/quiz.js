// A question: the notebook's card, with answers kept in the browser as the notebooks keep them.
window.cnn ??= {};
{
  let count = 0, last = Promise.resolve();

  const answers = cnn.answers = {  // of a lesson, by its name: question id -> record
    read: (name) => cnn.store.get(`cnn-course/answers/${name}`, {}).answers ?? {},
    write(name, records) {
      cnn.store.set(`cnn-course/answers/${name}`, { version: 1, answers: records });
      dispatchEvent(new Event("cnn-answers"));
    },
    change(name, id, act) {     // one after the other: each begins with what the last one left
      const done = last.then(async () => {
        const record = await act(answers.read(name)[id] ?? {});
        answers.write(name, { ...answers.read(name), [id]: record });
      });
      last = done.catch(() => {});
      return done;
    },
    download(name) {
      cnn.save(`${name}.json`, JSON.stringify({ version: 1, answers: answers.read(name) }, null, 1));
    },
    async take(name, file) {    // its answers win, all others stay; returns what was there before
      const taken = await cnn.ask("answers_read", name, await file.text()), before = answers.read(name);
      answers.write(name, { ...before, ...taken });
      return before;
    },
    offer(root) {               // the end of a lesson: its answers as a file of the notebooks
      const name = root.dataset.answers;
      root.innerHTML = `<button type="button">Save my answers</button>
        <label>Open saved answers <input type="file" accept=".json"></label><p role="status"></p>`;
      const [[save], [choose], [said]] = cnn.find(root, "button", "input", "p");
      save.onclick = () => answers.download(name);
      choose.onchange = async () => {
        const [file] = choose.files;
        try {
          const before = await answers.take(name, file);
          said.innerHTML = `Answers taken from ${cnn.text(file.name)}. <button type="button">Undo</button>`;
          said.lastChild.onclick = () => {
            answers.write(name, before);
            said.textContent = "Your earlier answers are back.";
          };
        } catch ({ message }) {
          said.textContent = `${file.name} is not taken: ${message}.`;
        }
        choose.value = "";      // so that the same file can be chosen again
      };
    },
  };

  const entry = (key, { kind, options, unit }) => {
    const words = cnn.text(`Your answer${unit && ` (${unit})`}`), names = Object.keys(options);
    const type = kind === "choice" ? "radio" : "checkbox";
    const each = names.map((value) => `<label><input type="${type}" name="${key}" value="${value}">
      <span>${cnn.text(options[value])}</span></label>`);
    return names.length
      ? `<fieldset class="live-options"><legend>${words}</legend>${each.join("")}</fieldset>`
      : `<div class="live-control"><label for="${key}">${words}</label>
        <input type="text" id="${key}" autocomplete="off"></div>`;
  };

  cnn.question = async (root) => {
    const id = root.dataset.question, name = await cnn.ask("answers_name", id);
    const kept = () => answers.read(name)[id] ?? {};
    const stored = () => cnn.ask("question_open", id, kept());
    const made = await stored(), form = document.createElement("form");
    form.className = `cnn-quiz cnn-quiz-kind-${made.kind}`;
    form.innerHTML = `${made.prompt}${entry(`card-${++count}`, made)}
      <div class="cnn-quiz-buttons">${'<button></button>'.repeat(4)}</div>
      ${'<div role="status"></div>'.repeat(3)}`;
    const [inputs, buttons, areas] = cnn.find(form, "input", "button", "[role=status]");
    let shown, entered;         // the record; what of it is in the input: all else was written there

    const answer = () => {
      const on = inputs.filter((one) => one.checked).map((one) => one.value);
      return { choices: on, choice: on[0] ?? "" }[made.kind] ?? inputs[0].value;
    };
    const enter = (value) => {
      entered = value;
      if (inputs[0].type === "text") inputs[0].value = value;
      else inputs.forEach((one) => { one.checked = [value].flat().includes(one.value); });
    };
    const show = ({ record, buttons: words, hints_html, feedback_html, notice }) => {
      const draft = !cnn.same(answer(), entered), closed = record.locked || record.revealed;
      shown = record;
      if (!draft || closed || cnn.same(answer(), record.answer)) enter(record.answer);
      inputs.forEach((one) => { one.disabled = closed; });
      words.forEach(([value, textContent, disabled], i) =>
        Object.assign(buttons[i], { value, textContent, disabled }));
      const lost = cnn.store.lost && `Your answers are ${cnn.store.lost}`;
      const said = [hints_html, feedback_html, cnn.text(notice ?? lost)];
      said.forEach((html, i) => cnn.say(areas[i], html));
    };
    form.onsubmit = (event) => {  // Enter in the text presses the first button, Check
      event.preventDefault();
      const action = event.submitter.value, typed = answer();
      const written = cnn.same(typed, entered) ? null : typed;
      answers.change(name, id, async (now) => {
        const mine = cnn.same(now.answer ?? entered, entered);
        const done = await cnn.ask("question_act", id, now, action, written, mine);
        show(done);
        return done.record;
      }).catch(({ message }) => cnn.say(areas[2], cnn.text(`Nothing was done: ${message}.`)));
    };
    const follow = async () => {  // another card or another page may have changed the record
      if (!cnn.same(kept(), shown)) show(await stored());
    };
    enter(made.record.answer);
    show(made);
    root.replaceChildren(form);
    for (const event of ["storage", "cnn-answers"]) addEventListener(event, follow);
  };
}
