"""A release carries all the code that it runs, and nothing that it cannot run."""

import subprocess
import sys
from pathlib import Path

from minhos.serving.snapshot import foreign_imports, snapshot_sources


def test_the_snapshot_runs_alone(tmp_path: Path) -> None:
    for name, source in snapshot_sources().items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]\n"
        "import minhos.chain, minhos_client.contract\n"
        "print(*sorted({n.split('.')[0] for n in sys.modules if getattr(sys.modules[n], '__file__', None)"
        " and (sys.argv[1] in sys.modules[n].__file__ or 'site-packages' in sys.modules[n].__file__)}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=tmp_path, env={}
    )
    loaded = {name for name in found.stdout.split() if not name.startswith("_")}
    assert loaded <= {"minhos", "minhos_client", "numpy"}


def test_an_import_that_leads_out_is_named() -> None:
    sources = {
        "minhos/__init__.py": "",
        "minhos/chain.py": "import numpy as np\nfrom minhos.inside import x\nimport math\n",
        "minhos/inside.py": "import pandas as pd\nfrom minhos import errors\nfrom minhos.errors import MinhosError\n",
    }
    assert foreign_imports(sources) == ["minhos/inside.py: pandas", "minhos/inside.py: minhos.errors"]


def test_relative_imports_are_followed() -> None:
    sources = {"minhos/__init__.py": "", "minhos/a.py": "from .b import x", "minhos/b.py": "from . import c"}
    assert foreign_imports(sources) == []
    assert foreign_imports({"minhos/a.py": "from .gone import x"}) == ["minhos/a.py: minhos.gone"]
