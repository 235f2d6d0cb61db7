// What the live elements of a page share: when each begins, Python, and what the browser keeps.
window.cnn ??= {};

cnn.text = (words) => words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt()};`);
cnn.same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
cnn.ask = (method, ...args) => cnn.python.call(method, ...args);
cnn.say = (area, html) => { if (area.said !== html) area.innerHTML = area.said = html; };

cnn.save = (download, text) => {
  const href = URL.createObjectURL(new Blob([text]));
  Object.assign(document.createElement("a"), { href, download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
};

cnn.store = {                   // localStorage, or this page's memory where that keeps nothing
  memory: {},
  lost: "",                     // what to say of that
  get(key, otherwise) {
    try {
      return JSON.parse(this.memory[key] ?? localStorage.getItem(key)) ?? otherwise;
    } catch {
      this.lost = "not kept: this browser stores nothing for this page.";
      return otherwise;
    }
  },
  set(key, value) {
    this.memory[key] = JSON.stringify(value);
    try {
      localStorage.setItem(key, this.memory[key]);
      delete this.memory[key];
    } catch {
      this.lost = "not kept: this browser stores nothing for this page.";
    }
  },
};

cnn.begin = async (root) => {   // <div class="live" data-panel|question|exercise|answers="…">
  const { dataset } = root, kind = ["Panel", "Question", "Exercise", "Answers"]
    .find((name) => name.toLowerCase() in dataset);
  if (!kind || dataset.state) return;
  dataset.state = "starting";
  let needs = "Python, which does not run here";
  try {
    await (cnn.python ??= new cnn.Python()).ready;
    needs = "a trained network";
    await new cnn[kind](root).open();
    dataset.state = "live";
  } catch ({ missing }) {       // the still stays, for good
    dataset.state = "still";
    const line = `Alive in JupyterLab: it needs ${{ numpy: "NumPy", torch: "PyTorch" }[missing] ?? needs}.`;
    const said = kind === "Panel" || kind === "Exercise" ? `<p class="live-note">${line}</p>` : "";
    root.insertAdjacentHTML("beforeend", said);
  }
};

addEventListener("DOMContentLoaded", () => {
  const all = document.querySelectorAll(".live"), idle = window.requestIdleCallback ?? setTimeout;
  const watch = new IntersectionObserver((seen) => seen.forEach(({ isIntersecting, target }) =>
    isIntersecting && cnn.begin(target)), { rootMargin: "400px" });
  all.forEach((root) => watch.observe(root));
  addEventListener("load", () => idle(() => all.forEach(cnn.begin)));
});
