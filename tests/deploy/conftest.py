"""What the tests of scripts/ share."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"minhos_scripts_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    before = list(sys.path), sys.dont_write_bytecode
    spec.loader.exec_module(module)
    sys.path[:], sys.dont_write_bytecode = before
    return module


@pytest.fixture
def script() -> Callable[[str], ModuleType]:
    """Loads a module of scripts/, which is no package."""
    return load
