"""What the notebooks import: everything of a lesson in its room, everything shared by subject.

lessons/<slug>/   what only that lesson needs; its notebook is notebooks/NN_<slug>.ipynb
                  figures.py    its pictures            exercises.py   solutions, wrong ideas, hints
                  explorer.py   its panels: controls declared as data, one pure view
exercises/        check(f), show_solution(id): compare, recognise a wrong idea, stop endless loops
explorer.py       the panel: Slider, Choice, Line and the base class Explorer
quiz/             ask(id); the questions and their feedback stand in data/questions/NN_<slug>.toml
models/           one paper per file: LeNet-5, AlexNet, VGG, GoogLeNet, ResNet
ledger/           per layer: shape, parameters, multiply-adds (MACs), receptive field
training/         fit and evaluate; what a History shows; the refusals in words
probing.py        gradients, activations, effective receptive fields, one timed forward pass
drawing/          SVG elements, plots, windows that slide, networks to scale
datasets/         what is in data/, papers' numbers, drawn beach scenes
downloads.py      MNIST, Fashion-MNIST, CIFAR-10 on request
preflight.py      is this computer ready? (lessons/missing_names.py: which cell makes a name)
geometry.py ops.py checks.py state.py     shape arithmetic; NumPy operations; arguments; kept files

A new lesson 13 is an entry in lessons/__init__.py, a notebook, a room, a question file, a test in
tests/lessons. Imports go down or to a neighbour, never round, and from no lesson to another
(tests/repo/test_imports.py). This file imports nothing, so `import course_utils` costs nothing.
"""
