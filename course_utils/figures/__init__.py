"""Pictures: arrays and plain values in, SVG or matplotlib figures out.

No models, no widgets, no ``plt.show()``. Diagrams are SVG built with ``svg``, each with a text
alternative that carries its numbers, so that it can be read aloud and compared in a test.
"""
