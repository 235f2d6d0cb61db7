// Answers the requests of a page with the course's Python. Pyodide's two scripts stand before this
// one in the same file (runtime.py puts them together), so that a Blob can be a whole worker, too.
let answer; // of bridge.py: (method, arguments as JSON) -> JSON

/** Start Python. place: its folder's address; files: what is there, gzipped, if it cannot be fetched. */
async function startPython({ place, files }) {
  const fetched = self.fetch;
  self.fetch = async (address, ...settings) => {
    const name = String(address).split("/").pop();
    const packed = files?.[name].stream()
      ?? (name.endsWith(".wasm") && (await fetched(`${place}pyodide.packed`)).body);
    if (!packed) return fetched(address, ...settings);
    const stream = packed.pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream, { headers: { "Content-Type": "application/wasm" } });
  };
  const zip = fetch(`${place}course.zip`).then((response) => response.arrayBuffer());
  const settings = { indexURL: place, createPyodideModule: _createPyodideModule };
  const python = await globalThis.loadPyodide(settings);
  python.unpackArchive(await zip, "zip", { extractDir: "/course" });
  python.runPython("import sys; sys.path.insert(0, '/course'); import left_out");
  answer = python.pyimport("bridge").answer;
}

self.onmessage = async ({ data }) => {
  try {
    if (data.place) await startPython(data);
    const said = data.place ? {} : JSON.parse(answer(data.method, JSON.stringify(data.args)));
    self.postMessage(said?.error ? { id: data.id, ...said } : { id: data.id, value: said });
  } catch (error) { // not one that bridge.py answers with: this Python is not relied on any more
    const lines = String(error).trim().split("\n"); // a traceback says what it is in the last
    self.postMessage({ id: data.id, error: lines.pop(), broken: true });
  }
};
