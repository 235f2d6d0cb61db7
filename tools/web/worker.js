// Answers the requests of a page with the course's Python. Pyodide's two scripts stand before this
// one in the same file (runtime.py puts them together), so that a Blob can be a whole worker, too.
let answer; // of bridge.py: (method, arguments as JSON) -> JSON

/** Start Python. place: address of its folder; files: its content, gzipped, where that cannot be fetched. */
async function startPython({ place, files }) {
  if (files) {
    self.fetch = async (address) => {
      const file = files[String(address).split("/").pop()];
      const stream = file.stream().pipeThrough(new DecompressionStream("gzip"));
      return new Response(stream, { headers: { "Content-Type": "application/wasm" } });
    };
  }
  const zip = fetch(`${place}course.zip`).then((response) => response.arrayBuffer());
  const settings = { indexURL: place, createPyodideModule: _createPyodideModule };
  const python = await globalThis.loadPyodide(settings);
  python.unpackArchive(await zip, "zip", { extractDir: "/course" });
  python.runPython("import sys; sys.path.insert(0, '/course'); import left_out");
  answer = python.pyimport("bridge").answer;
}

self.onmessage = async ({ data: { id, method, args, ...start } }) => {
  try {
    if (id === 0) await startPython(start);
    const said = id === 0 ? {} : JSON.parse(answer(method, JSON.stringify(args)));
    self.postMessage(said?.error ? { id, ...said } : { id, value: said });
  } catch (error) { // of JavaScript: this Python is not to be relied on any more
    self.postMessage({ id, error: String(error), broken: true });
  }
};
