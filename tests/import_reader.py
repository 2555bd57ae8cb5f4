"""The modules that a Python file imports, read from its text without running it."""

from __future__ import annotations

import ast
from pathlib import Path

__all__ = ["imported"]


def imported(file: Path) -> set[str]:
    """Every module named at the file's top or inside a function; relative imports are refused: such files are read alone."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports break when the file is read alone"
            names.add(node.module or "")
    return names
