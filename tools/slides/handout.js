// Turns a deck that reveal.js has laid out for printing into a handout: slides with lines to write on,
// and the answers to the questions at the end. theme.css says how large each part is.
() => {
  const make = (kind, name, ...content) => {
    const element = Object.assign(document.createElement(kind), { className: name });
    element.append(...content);
    return element;
  };
  const handout = make('div', 'slides handout');
  const answers = make('section', 'answers', make('h2', '', 'Answers'));
  document.querySelectorAll('.pdf-page').forEach((slide, index) => {
    const number = `Slide ${index + 1}`;
    for (const answer of slide.querySelectorAll('.cnn-quiz > details')) {
      answers.append(make('div', 'answer', make('b', '', number), ...answer.querySelectorAll('p')));
      answer.remove();
    }
    handout.append(make('div', 'row', make('div', 'frame', slide), make('div', 'lines', number)));
  });
  if (answers.children.length > 1) handout.append(answers);
  // The page is that of the paper now, not that of a slide.
  document.querySelectorAll('style').forEach((sheet) => { if (sheet.textContent.includes('@page')) sheet.remove(); });
  document.documentElement.classList.add('handout-print');
  document.querySelector('.reveal').replaceChildren(handout);
}
