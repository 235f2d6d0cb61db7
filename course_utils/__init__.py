"""What the notebooks import, in floors: a module imports only from floors below its own.

===== ===================================== =====================================================
floor module                                its one job
===== ===================================== =====================================================
5     ``explorers``                         panels with sliders: state plus one call into figures
5     ``quiz``, ``exercises``               ask, answer, explain; check a solution and give hints
5     ``preflight``                         is this computer ready? one line per check
5     ``capstone``                          a design under a budget: checked, trained, ranked
4     ``figures``                           arrays and plain values in, SVG or matplotlib out
3     ``quiz_card``                         how a question looks
3     ``training``, ``forward``             fit and evaluate; one pass with its time and memory
3     ``probing``, ``signals``              receptive fields and gradients, layer by layer
3     ``reading``, ``equivariance``         maps of a digit; both paths of a shift and a layer
2     ``questions``, ``question_text``      the question files; a question without its widget
2     ``ledger``                            per layer: shape, parameters, MACs, receptive field
1     ``models``, ``datasets``              one paper per file; what is in ``data/``
1     ``marking``                           right or wrong, and why
1     ``papers``, ``competition``           numbers that papers printed; winners and references
1     ``answers``, ``board``                what is kept: answers to questions; ranked designs
0     ``geometry``, ``ops``                 shapes; NumPy reference operations
0     ``backprop``, ``scenes``              a deep net by hand; beach scenes from a seed
0     ``data_files``, ``downloads``         files with checksums; full data sets on request
0     ``tables``                            files of tables in TOML, held to their schema
0     ``state``, ``lessons``, ``style``     files that survive; the lessons in order; the palette
0     ``modes``                             train and eval mode, given back
===== ===================================== =====================================================

This file imports nothing, so ``import course_utils`` costs nothing.
``tests/repo/test_floors.py`` reads every import and fails on one that goes up, sideways or round.
"""
