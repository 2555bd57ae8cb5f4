"""The runtime that a release carries imports NumPy, the standard library, itself and the contract: nothing else, ever."""

import sys
from pathlib import Path

import pytest
from import_reader import imported

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*ROOT.glob("minhos/capabilities/*/runtime/**/*.py"), *ROOT.glob("minhos/chain.py")])
CONTRACT = ROOT / "clients/minhos_client/contract.py"


def allowed(name: str) -> bool:
    top = name.split(".", maxsplit=1)[0]
    if top == "minhos":
        parts = name.split(".")
        return name == "minhos.chain" or (parts[1] == "capabilities" and len(parts) > 3 and parts[3] == "runtime")
    return top == "numpy" or name == "minhos_client.contract" or top in sys.stdlib_module_names


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_runtime_file_imports_numpy_the_standard_library_the_runtime_and_the_contract(file: Path) -> None:
    assert {name for name in imported(file) if not allowed(name)} == set()


def test_the_contract_imports_numpy_and_the_standard_library() -> None:
    assert {name.split(".")[0] for name in imported(CONTRACT)} <= {"numpy", *sys.stdlib_module_names}
