// A panel: native controls from the explorer's declaration, above its picture and its sentence.
window.cnn ??= {};

cnn.Panel = class {
  static count = 0;

  constructor(root) {
    this.root = root;
    this.key = `panel-${++cnn.Panel.count}`;
  }

  async open() {
    const { panel, settings } = this.root.dataset, box = document.createElement("div");
    const made = await cnn.ask("panel_open", this.key, panel, JSON.parse(settings ?? "{}"));
    box.className = "cnn-explorer";
    box.innerHTML = `<div class="live-controls" role="group" aria-label="Controls">
      ${made.controls.map((one) => this.control(one)).join("")}
      <button type="button">Reset</button></div>
      <div></div><div class="cnn-says" role="status"></div>`;
    box.prepend(...this.root.querySelectorAll(".cnn-explorer > style"));
    [this.row, this.picture, this.sentence] = box.querySelectorAll(":scope > div");
    this.inputs = [...this.row.querySelectorAll("input, select")];
    this.row.addEventListener("input", ({ target }) => this.move(target));
    this.row.querySelector("button").onclick = () => this.request(["panel_reset", this.key]);
    this.show(made.shown);
    this.root.replaceChildren(box);
  }

  control({ kind, name, label, options = [], buttons, wide, smallest, largest, step }) {
    const id = `${this.key}-${name}`, named = `data-name="${name}" id="${id}"`;
    const texts = options.map(cnn.text);
    const field = {
      slider: `<input type="range" ${named} min="${smallest}" max="${largest}" step="${step}">
        <output for="${id}" aria-live="off"></output>`,
      choice: `<select ${named}>${texts.map((text, i) => `<option value="${i}">${text}`)
        .join("")}</select>`,
      line: `<input type="text" ${named} autocomplete="off">`,
    };
    if (buttons) {
      const radio = (text, i) => `<label><input type="radio" name="${id}" data-name="${name}"
        value="${i}">${text}</label>`;
      return `<fieldset><legend>${cnn.text(label)}</legend>${texts.map(radio).join("")}</fieldset>`;
    }
    return `<div class="live-control${wide ? " live-wide" : ""}">
      <label for="${id}">${cnn.text(label)}</label>${field[kind]}</div>`;
  }

  move({ type, value, dataset: { name }, nextElementSibling }) {
    if (type === "range") nextElementSibling.textContent = value;
    const waiting = this.next?.[0] === "panel_move" ? this.next[2] : {};
    const values = { ...waiting, [name]: type === "text" ? value : Number(value) };
    this.request(["panel_move", this.key, values]);
  }

  async request(next) {         // one is out, one may wait: what came between is never drawn
    this.next = next;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.next) {
        [next, this.next] = [this.next, null];
        this.show(await cnn.ask(...next));
      }
    } finally {
      this.busy = false;
    }
  }

  show({ picture, says, refused, state, largest }) {
    cnn.say(this.picture, picture);
    this.sentence.textContent = refused ? "" : says;
    if (this.next) return;      // the controls are ahead of this picture
    for (const input of this.inputs) {
      const { type, dataset: { name } } = input, value = String(state[name]);
      if (type === "radio") input.checked = input.value === value;
      else if (type === "range") input.max = largest[name];
      if (type !== "radio" && input.value !== value) input.value = value;
      if (type === "range") input.nextElementSibling.textContent = value;
    }
  }
};
