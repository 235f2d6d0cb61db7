// Runs slim.py in Pyodide under Node: node slim.mjs PYODIDE_FOLDER WORK_FOLDER
import fs from "node:fs";
import { createRequire, register } from "node:module";

const [pyodide, work] = process.argv.slice(2);
// Under Node, Pyodide asks for the package ws, which serves sockets only: an empty one will do.
const hook = `export const resolve = (name, context, next) =>
  name === "ws" ? { url: "data:text/javascript,", shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { loadPyodide } = createRequire(import.meta.url)(`${pyodide}/pyodide.js`);
const indexURL = `${pyodide}/`;
const python = await loadPyodide({ indexURL, env: { PYTHONHASHSEED: "0" } });
python.FS.mkdir("/build");
python.FS.mount(python.FS.filesystems.NODEFS, { root: work }, "/build");
try {
  python.runPython(fs.readFileSync(new URL("slim.py", import.meta.url), "utf8"));
  process.exit(0); // Pyodide keeps Node waiting
} catch (error) { // uncaught, Node would print a line of Pyodide's, which has a million letters
  console.error(String(error));
  process.exit(1);
}
