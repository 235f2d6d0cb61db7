// Typesets formulas under Node: reads [[tex, display], ...] and writes [[svg, mathml], ...] as JSON.
// The argument is the folder with MathJax's files for Node.
const read = require('fs').readFileSync;

require(`${process.argv[2]}/node-main.js`).init({
  loader: { load: ['adaptors/liteDOM', 'input/tex-full', 'output/svg'], versionWarnings: false },
  startup: { typeset: false },
  tex: { packages: { '[-]': ['noundefined'] } }, // which would show a slip in red, and go on
  // Glyphs stand in each formula: shared ones need ids, and those depend on what came before.
  svg: { fontCache: 'none' },
}).then((MathJax) => {
  const set = ([tex, display]) => [
    MathJax.startup.adaptor.innerHTML(MathJax.tex2svg(tex, { display })),
    MathJax.tex2mml(tex, { display }),
  ];
  process.stdout.write(JSON.stringify(JSON.parse(read(0, 'utf8')).map(set)));
}).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
