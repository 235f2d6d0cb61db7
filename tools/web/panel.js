// A panel: native controls from the explorer's declaration, above its picture and its sentence.
window.cnn ??= {};
{
  let count = 0;

  const control = (key, { kind, name, label, options = [], buttons, wide, ...range }) => {
    const id = `${key}-${name}`, named = `data-name="${name}" id="${id}"`, words = cnn.text(label);
    const each = (make) => options.map((text, i) => make(cnn.text(text), i)).join("");
    if (buttons) {
      return `<fieldset><legend>${words}</legend>${each((text, i) => `<label>
        <input type="radio" name="${id}" data-name="${name}" value="${i}">${text}</label>`)}</fieldset>`;
    }
    const field = {
      slider: `<input type="range" ${named} min="${range.smallest}" max="${range.largest}"
        step="${range.step}"><output for="${id}" aria-live="off"></output>`,
      choice: `<select ${named}>${each((text, i) => `<option value="${i}">${text}`)}</select>`,
      line: `<input type="text" ${named} autocomplete="off">`,
    }[kind];
    return `<div class="live-control${wide ? " live-wide" : ""}"><label for="${id}">${words}</label>
      ${field}</div>`;
  };

  cnn.panel = async (root) => {
    const key = `panel-${++count}`, { panel, settings = "{}" } = root.dataset;
    const made = await cnn.ask("panel_open", key, panel, JSON.parse(settings));
    const box = Object.assign(document.createElement("div"), { className: "cnn-explorer" });
    box.innerHTML = `<div class="live-controls" role="group" aria-label="Controls">
      ${made.controls.map((one) => control(key, one)).join("")}<button type="button">Reset</button></div>
      <div class="scroll"></div><div class="cnn-says" role="status"></div>`;
    const [row, picture, sentence] = box.children, [inputs] = cnn.find(row, "input, select");
    let next, busy;

    const show = (shown) => {
      cnn.say(picture, shown.picture);
      sentence.textContent = shown.refused ? "" : shown.says;
      if (next) return;         // the controls are ahead of this picture
      for (const input of inputs) {
        const { type, dataset: { name } } = input, value = String(shown.state[name]);
        if (type === "range") input.max = shown.largest[name];
        if (type === "range") input.nextElementSibling.textContent = value;
        if (type === "radio") input.checked = input.value === value;
        else if (input.value !== value) input.value = value;
      }
    };
    const request = async (method, ...values) => {
      next = [method, key, ...values];  // one is out, one may wait: no queue behind a dragged slider
      if (busy) return;
      busy = true;
      try {
        while (next) {
          const now = next;
          next = null;
          show(await cnn.ask(...now));
        }
      } catch ({ message }) {
        sentence.textContent = `This panel has stopped: ${message}. Load the page again.`;
      }
      busy = false;
    };
    row.oninput = ({ target: { type, value, dataset: { name }, nextElementSibling } }) => {
      if (type === "range") nextElementSibling.textContent = value;
      const waiting = next?.[0] === "panel_move" ? next[2] : {};
      request("panel_move", { ...waiting, [name]: type === "text" ? value : Number(value) });
    };
    row.lastElementChild.onclick = () => request("panel_reset");
    show(made.shown);
    box.prepend(...root.querySelectorAll(".cnn-explorer > style"));
    root.replaceChildren(box);
  };
}
