// What the live elements of a page share: when each begins, Python, and what the browser keeps.
window.cnn ??= {};

cnn.text = (words) => words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt()};`);
cnn.same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
cnn.find = (root, ...selectors) => selectors.map((one) => [...root.querySelectorAll(one)]);
cnn.say = (area, html) => { if (area.said !== html) area.innerHTML = area.said = html; };
cnn.ask = (method, ...args) => cnn.python.call(method, ...args);

cnn.save = (download, text) => {
  const href = URL.createObjectURL(new Blob([text]));
  Object.assign(document.createElement("a"), { href, download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
};

cnn.store = {                   // localStorage, or this page's memory where that keeps nothing
  memory: {},
  lost: "",                     // what to say of that
  tried(act, otherwise) {
    try {
      return act() ?? otherwise;
    } catch {
      this.lost = "not kept: this browser stores nothing for this page.";
      return otherwise;
    }
  },
  get(key, otherwise) {
    return this.tried(() => JSON.parse(this.memory[key] ?? localStorage.getItem(key)), otherwise);
  },
  set(key, value) {
    this.memory[key] = JSON.stringify(value);
    this.tried(() => {
      localStorage.setItem(key, this.memory[key]);
      delete this.memory[key];
    });
  },
};

cnn.begin = async (root) => {   // <div class="live" data-panel|question|exercise|answers="…">
  const { panel, question, exercise, answers } = cnn, { dataset } = root;
  const [kind, open] = Object.entries({ panel, question, exercise, answers: answers?.offer })
    .find(([name]) => name in dataset) ?? [];
  if (!kind || dataset.state) return;
  dataset.state = "starting";
  let started = false;
  try {
    await (cnn.python ??= new cnn.Python()).ready;
    started = true;
    await open(root);
    dataset.state = "live";
  } catch (error) {             // the still stays, for good
    dataset.state = "still";
    const other = started ? "a trained network" : "Python, which does not run here";
    const needs = { numpy: "NumPy", torch: "PyTorch" }[error.missing] ?? other;
    const line = `<p class="live-note">Alive in JupyterLab: it needs ${needs}.</p>`;
    if (kind === "panel" || kind === "exercise") root.insertAdjacentHTML("beforeend", line);
    if (started && error.missing === undefined) throw error;  // not Python's: a mistake in here
  }
};

addEventListener("DOMContentLoaded", () => {
  const all = document.querySelectorAll(".live"), idle = window.requestIdleCallback ?? setTimeout;
  const watch = new IntersectionObserver((seen) => seen.forEach(({ isIntersecting, target }) =>
    isIntersecting && cnn.begin(target)), { rootMargin: "400px" });
  all.forEach((root) => watch.observe(root));
  addEventListener("load", () => idle(() => all.forEach(cnn.begin)));
});
