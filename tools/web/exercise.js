// An exercise: an editor, and the notebook's check in a Python of its own that the page can end.
window.cnn ??= {};

cnn.exercise = async (root) => {
  const { exercise: id, stub } = root.dataset, place = `cnn-course/code/${id}`, seconds = 5;
  const name = [...stub.matchAll(/^def (\w+)/gm)].pop()[1];
  await cnn.ask("exercise_open", id); // rejects where it cannot be checked here
  root.innerHTML = `<label for="code-${id}">Your code for ${name}</label>
    <textarea id="code-${id}" aria-describedby="keys-${id}" spellcheck="false" autocapitalize="off">
    </textarea>
    <p id="keys-${id}" class="live-note">Tab indents; Escape, then Tab leaves the editor. Ctrl+Enter runs.</p>
    ${["Run", "Reset", "Download"].map((word) => `<button type="button">${word}</button>`).join(" ")}
    <span class="live-note"></span><div role="status"></div>`;
  const [[editor], [run, reset, download], [note], [result]] =
    cnn.find(root, "textarea", "button", "span.live-note", "[role=status]");
  let leaving = false;

  const solved = () => cnn.store.get("cnn-course/exercises", []);
  const changed = () => {
    if (editor.value !== cnn.store.get(place, stub)) cnn.store.set(place, editor.value);
    editor.rows = Math.max(6, editor.value.split("\n").length + 1);
    const lost = cnn.store.lost && `Your code is ${cnn.store.lost}`;
    note.textContent = solved().includes(id) ? `✓ solved ${lost}` : lost;
  };
  const put = (text) => changed(editor.value = text);
  // Deprecated, and the one way of which the browser's own undo knows.
  const type = (text) => document.execCommand(text ? "insertText" : "delete", false, text);
  const indent = (back) => {    // the lines that are chosen; without a choice, put in four spaces
    const { value, selectionStart: start, selectionEnd: end } = editor;
    if (start === end && !back) return type("    ");
    const first = value.lastIndexOf("\n", start - 1) + 1, lines = value.slice(first, end);
    const moved = back ? lines.replace(/^ {1,4}/gm, "") : lines.replace(/^/gm, "    ");
    if (moved === lines) return;
    editor.setSelectionRange(first, end);
    type(moved);
    if (start !== end) editor.setSelectionRange(first, first + moved.length);
  };
  const newLine = () => {
    const line = editor.value.slice(0, editor.selectionStart).split("\n").pop();
    type(`\n${line.match(/^ */)[0]}${/:\s*$/.test(line) ? "    " : ""}`);
  };
  const check = async () => {
    if (result.ariaBusy === "true") return;
    result.ariaBusy = true;
    run.textContent = "Running…";
    cnn.checker ??= new cnn.Python();
    const { state, html } = await cnn.checker.limited(seconds, "exercise_check", id, editor.value)
      .catch(({ name, message }) => name === "TimeUp"
        ? cnn.ask("exercise_endless", id, seconds) : { html: cnn.text(message) });
    cnn.say(result, html);
    if (state === "passed" && !solved().includes(id)) {
      cnn.store.set("cnn-course/exercises", [...solved(), id].sort());
      dispatchEvent(new Event("cnn-exercises"));
    }
    changed();
    run.textContent = "Run";
    result.ariaBusy = false;
  };
  editor.onkeydown = (event) => {
    const { key, shiftKey, ctrlKey, metaKey, isComposing } = event, left = leaving;
    if (key !== "Shift") leaving = key === "Escape";
    if (key === "Enter" && (ctrlKey || metaKey)) check();
    else if (key === "Enter" && !isComposing) newLine();
    else if (key === "Tab" && !left) indent(shiftKey);
    else return;
    event.preventDefault();
  };
  editor.oninput = changed;
  editor.onfocus = () => (cnn.checker ??= new cnn.Python()).ready.catch(() => {});  // ready to run
  run.onclick = check;
  reset.onclick = () => confirm("Put the first lines back in place of your code?") && put(stub);
  download.onclick = () => cnn.save(`${name}.py`, editor.value);
  put(cnn.store.get(place, stub));
};
