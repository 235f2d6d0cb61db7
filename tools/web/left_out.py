"""Importing it makes Python say so where a page has left out a module of the standard library."""

import sys


class LeftOut:
    """The last finder: asked only for what no other has found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in sys.stdlib_module_names:
            message = f"the module {name} is not part of the Python of this page"
            raise ModuleNotFoundError(message, name=name)


sys.meta_path.append(LeftOut)
