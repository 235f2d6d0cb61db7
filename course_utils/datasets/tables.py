"""Files of tables in TOML: read one, and name file, table and key where it breaks its schema.

A file holds lists of tables, as `[[entry]]` and `[[single]]`, and nothing else. What a table is
called in an error is made here, and handed on as `where`: `"winners.toml, entry alexnet-2012"`.

Floor 0, standard library only.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_tables(path: Path, kinds: Sequence[str]) -> dict[str, list[tuple[dict, str]]]:
    """Read a file that holds a list of tables of each kind.

    Returns:
        kind -> (table, where) in the file's order. `where` names the file, the kind and the
        table's `id` or `model`, or else its number, counted from 1.

    Raises:
        ValueError: if the file is not valid TOML, or holds anything but one or more tables of each
            kind.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: not valid TOML: {error}") from error
    if sorted(data) != sorted(kinds) or not all(map(_is_tables, data.values())):
        names = " and ".join(f"[[{kind}]]" for kind in kinds)
        raise ValueError(f"{path.name}: must hold {names} tables and nothing else")
    return {
        kind: [
            (table, f"{path.name}, {kind} {table.get('id') or table.get('model') or number}")
            for number, table in enumerate(data[kind], start=1)
        ]
        for kind in kinds
    }


def _is_tables(part: object) -> bool:
    return isinstance(part, list) and bool(part) and all(isinstance(one, dict) for one in part)


def check_keys(
    table: object, where: str, needed: Iterable[str], optional: Iterable[str] = ()
) -> None:
    """Check that a table has all keys that it needs, and none but these and the optional ones.

    Raises:
        ValueError: if not, or if `table` is no table.
    """
    if not isinstance(table, dict):
        raise ValueError(f"{where}: must be a table, got {table!r}")
    needed = tuple(needed)
    allowed = (*needed, *optional)
    for key in needed:
        if key not in table:
            raise ValueError(f"{where}: {key} is missing")
    for key in table:
        if key not in allowed:
            raise ValueError(f"{where}: {key} is not one of {', '.join(allowed)}")


def read_text(table: dict, key: str, where: str) -> str:
    """Return a value that must be a text with at least one visible character.

    Raises:
        ValueError: if it is not.
    """
    value = table[key]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: {key} must be a text, got {value!r}")
    return value


def read_id(table: dict, where: str) -> str:
    """Return the `id` of a table: small letters and digits, words joined by hyphens.

    Raises:
        ValueError: if it is anything else.
    """
    if not _ID.fullmatch(read_text(table, "id", where)):
        raise ValueError(f"{where}: id must be words joined by hyphens, got {table['id']!r}")
    return table["id"]


def check_unique(names: Iterable[str], path: Path, key: str) -> None:
    """Check that no name occurs twice among the values of `key` in a file.

    Raises:
        ValueError: if one does.
    """
    names = list(names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{Path(path).name}: {key} {twice[0]!r} is used twice")
