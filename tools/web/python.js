// Python in a worker of its own: cnn.Python sends requests and matches the answers by their number.
window.cnn ??= {};
{
  const place = new URL("../python/", document.currentScript.src).href;

  /** Load a classic script: that a page may do which was opened from a folder. */
  const loadScript = (src) => new Promise((onload, reject) => {
    const onerror = () => reject(new Error(`${src} was not found`));
    document.head.append(Object.assign(document.createElement("script"), { src, onload, onerror }));
  });

  const unzipped = (file) => new Response(file.stream().pipeThrough(new DecompressionStream("gzip")));
  let bundle; // a promise of what is in python/: {name: Blob, gzipped}
  const opened = () => bundle ??= loadScript(`${place}bundle.js`).then(() => {
    const bytes = (text) => {
      const letters = atob(text), made = new Uint8Array(letters.length);
      for (let i = 0; i < made.length; i++) made[i] = letters.charCodeAt(i);
      return made;
    };
    const files = Object.entries(cnn.bundle).map(([name, text]) => [name, new Blob([bytes(text)])]);
    delete cnn.bundle;
    return Object.fromEntries(files);
  });

  /** Return a new worker and the message that starts its Python. */
  const hire = async () => {
    if (location.protocol !== "file:") return [new Worker(`${place}worker.js`), { place }];
    const files = await opened();
    const script = new Blob([await unzipped(files["worker.js"]).text()], { type: "text/javascript" });
    return [new Worker(URL.createObjectURL(script)), { place, files }];
  };

  cnn.Python = class {
    #worker; #ready; #count = 0; #waiting = new Map(); #turn = Promise.resolve();

    /** Say whether this browser can run Python, and its reader has not asked to save data. */
    static possible() {
      return "WebAssembly" in window && "Worker" in window && !navigator.connection?.saveData;
    }

    /** A promise that Python has started; who asks first starts it. Rejected where it cannot. */
    get ready() { return this.#ready ??= this.#start(); }

    /** Call a function of bridge.py. An error it raises has `missing`: the package, or null. */
    async call(method, ...args) {
      await this.ready;
      return this.#send({ method, args });
    }

    /** Call, and after `seconds` end this Python with a TimeUp error. One such call at a time. */
    limited(seconds, method, ...args) {
      const run = async () => {
        await this.ready;
        const late = Object.assign(new Error(`not done in ${seconds} s`), { name: "TimeUp" });
        const timer = setTimeout(() => {
          this.terminate(late);
          this.ready.catch(() => {}); // the next call finds it ready, or is told why not
        }, 1000 * seconds);
        try { return await this.call(method, ...args); } finally { clearTimeout(timer); }
      };
      return this.#turn = this.#turn.then(run, run);
    }

    /** End the worker; what waits for it is rejected. The next call starts another. */
    terminate(reason = new Error("Python was ended")) {
      this.#worker?.terminate();
      this.#worker = this.#ready = undefined;
      for (const { reject } of this.#waiting.values()) reject(reason);
      this.#waiting.clear();
    }

    async #start() {
      if (!cnn.Python.possible()) throw new Error("Python does not run here");
      const [worker, first] = await hire();
      this.#worker = worker;
      worker.onmessage = ({ data }) => this.#answered(data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.terminate(new Error(event.message || "the worker did not start"));
      };
      await this.#send(first);
    }

    #send(message) {
      const id = this.#count++;
      return new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#worker.postMessage({ id, ...message });
      });
    }

    #answered({ id, value, error, missing = null, broken }) {
      const asked = this.#waiting.get(id);
      if (!asked) return; // of a worker that was ended meanwhile
      this.#waiting.delete(id);
      if (error === undefined) return asked.resolve(value);
      asked.reject(Object.assign(new Error(error), { missing }));
      if (broken) this.terminate();
    }
  };

  cnn.python = new cnn.Python(); // of the panels and questions of a page
}
