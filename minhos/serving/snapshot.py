"""The runtime snapshot: the code that a release carries, so that it answers the same for as long as it is served.

It is ``minhos/chain.py``, the capabilities' ``runtime`` folders and ``minhos_client/contract.py``, with the
import-free ``__init__`` files above them. What it imports beyond itself is NumPy and the standard library, and
that is checked here, because a forgotten import would only show when a server loads the release.
"""

import ast
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

from minhos.errors import ServingError

__all__ = ["CAPABILITIES", "foreign_imports", "snapshot_sources"]

CAPABILITIES = ("prediction", "ensemble", "position_sizing")
ALLOWED = frozenset({"numpy", *sys.stdlib_module_names})


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ServingError(f"the package {name} is not installed here: run `make setup`")
    return Path(spec.origin).parent


def snapshot_sources() -> dict[str, Path]:
    """The files of the snapshot: path inside ``runtime/`` (``minhos/chain.py``) to where it lies now.

    Raises ServingError when a file is missing or imports something that a release does not carry.
    """
    minhos, client = _package_folder("minhos"), _package_folder("minhos_client")
    found = {
        "minhos/__init__.py": minhos / "__init__.py",
        "minhos/chain.py": minhos / "chain.py",
        "minhos/capabilities/__init__.py": minhos / "capabilities" / "__init__.py",
        "minhos_client/__init__.py": client / "__init__.py",
        "minhos_client/contract.py": client / "contract.py",
    }
    for capability in CAPABILITIES:
        folder = minhos / "capabilities" / capability
        for path in (folder / "__init__.py", *sorted((folder / "runtime").rglob("*.py"))):
            found[f"minhos/{path.relative_to(minhos).as_posix()}"] = path
    missing = [str(path) for path in found.values() if not path.is_file()]
    if missing:
        raise ServingError(f"the runtime snapshot lacks {', '.join(missing)}: the installation is incomplete")
    foreign = foreign_imports({name: path.read_text(encoding="utf-8") for name, path in found.items()})
    if foreign:
        raise ServingError(
            f"the runtime imports what a release does not carry: {'; '.join(foreign)}; "
            "allowed are NumPy, the standard library and the runtime itself"
        )
    return found


def foreign_imports(sources: Mapping[str, str]) -> list[str]:
    """Imports that lead out of the snapshot, as ``file: module``; the keys are paths inside ``runtime/``."""
    own = {_module_of(name) for name in sources}
    found = []
    for name, text in sorted(sources.items()):
        for module in _imported(ast.parse(text, filename=name), _module_of(name), name.endswith("__init__.py")):
            if module.split(".")[0] not in ALLOWED and module not in own:
                found.append(f"{name}: {module}")
    return found


def _module_of(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imported(tree: ast.AST, module: str, is_package: bool) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".") if is_package else module.split(".")[:-1]
            base = parents[: len(parents) - node.level + 1] if node.level else []
            names.append(".".join([*base, *([node.module] if node.module else [])]))
    return names
