// Python in a worker of its own: cnn.Python sends requests and matches the answers by their number.
window.cnn ??= {};
{
  const folder = new URL("../python/", document.currentScript.src).href;

  /** Load a classic script, where a file may not be fetched. */
  const loadScript = (src) => new Promise((resolve, reject) => {
    const failed = () => reject(new Error(`${src} was not found`));
    document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror: failed }));
  });

  let opened; // a promise of {name: Blob, gzipped}
  /** Return what python/ holds, for pages that were opened from a folder. */
  const files = () => opened ??= loadScript(`${folder}bundle.js`).then(() => {
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const blobs = Object.entries(cnn.bundle).map(([name, text]) => [name, new Blob([bytes(text)])]);
    delete cnn.bundle;
    return Object.fromEntries(blobs);
  });

  /** Make a worker and return it, with the message that starts its Python. */
  const hire = async () => {
    if (location.protocol !== "file:") return [new Worker(`${folder}worker.js`), { place: folder }];
    const held = await files();
    const script = held["worker.js"].stream().pipeThrough(new DecompressionStream("gzip"));
    const text = await new Response(script).text();
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    return [new Worker(address), { place: folder, files: held }];
  };

  cnn.Python = class {
    #worker; #ready; #count = 0; #waiting = new Map(); #turn = Promise.resolve();

    /** Say whether this browser can run Python, and its reader has not asked to save data. */
    static possible() {
      const can = ["WebAssembly", "Worker", "DecompressionStream"].every((name) => name in window);
      return can && !navigator.connection?.saveData;
    }

    /** A promise that Python has started; the first to ask starts it. Rejected where it cannot. */
    get ready() {
      return this.#ready ??= this.#start();
    }

    /** Call a function of bridge.py; what it raises rejects, with the package `missing` or null. */
    async call(method, ...args) {
      await this.ready;
      return this.#send({ method, args });
    }

    /** Call, but end this Python after `seconds` with a TimeUp error. One such call at a time. */
    limited(seconds, method, ...args) {
      const run = async () => {
        await this.ready;
        const late = Object.assign(new Error(`not done within ${seconds} s`), { name: "TimeUp" });
        const timer = setTimeout(() => {
          this.terminate(late);
          this.ready.catch(() => {}); // ready again by the next call, which hears of a failure
        }, 1000 * seconds);
        try { return await this.call(method, ...args); } finally { clearTimeout(timer); }
      };
      return this.#turn = this.#turn.then(run, run);
    }

    /** End the worker; what waits for it is rejected. The next call starts a new one. */
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
      this.#count = 0;
      worker.onmessage = ({ data }) => this.#answered(data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.terminate(new Error(event.message || "the worker was not started"));
      };
      await this.#send(first);
    }

    #send(message) {
      const id = this.#count++; // 0 starts Python
      return new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#worker.postMessage({ id, ...message });
      });
    }

    #answered({ id, value, error, missing = null, broken }) {
      const waits = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) return waits.resolve(value);
      waits.reject(Object.assign(new Error(error), { missing }));
      if (broken) this.terminate();
    }
  };

  cnn.python = new cnn.Python(); // of the panels and questions of a page
}
