"""The Triton server of the wheel ``nvidia-pytriton``: where it lies and how it is started.

The wheel packs a server binary, its libraries and one Python-backend stub per Python version; a backend folder
as the server wants it is put together under the home, so that the serving environment stays as installed.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from minhos.errors import SetupError
from minhos.files import sha256_of

__all__ = ["ServingInstallation", "find_installation"]

PASSED_ON = ("HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "CUDA_VISIBLE_DEVICES")
BACKEND_FILES = ("libtriton_python.so", "triton_python_backend_utils.py")
STUB = "triton_python_backend_stub"


@dataclass(frozen=True)
class ServingInstallation:
    """A usable serving environment: ``python_version`` as ``3.11``, folders absolute."""

    root: Path
    python_version: str
    site_packages: Path

    @property
    def triton(self) -> Path:
        return self.site_packages / "pytriton" / "tritonserver"

    @property
    def binary(self) -> Path:
        return self.triton / "bin" / "tritonserver"

    @property
    def stub(self) -> Path:
        return self.triton / "python_backend_stubs" / self.python_version / STUB

    @property
    def libraries(self) -> Path:
        return self.site_packages / "nvidia_pytriton.libs"

    def environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """The server's environment: the serving Python first, one thread per numeric library, nothing of ours.

        The caller's ``PYTHONPATH`` is left behind on purpose: a release brings its own ``minhos``.
        """
        kept = {name: caller[name] for name in PASSED_ON if name in caller}
        return kept | {
            "PATH": f"{self.root / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "LD_LIBRARY_PATH": ":".join(str(folder) for folder in self._library_folders()),
            "PYTHONPATH": str(self.site_packages),
            "PYTHONNOUSERSITE": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "DO_NOT_TRACK": "1",
        }

    def _library_folders(self) -> list[Path]:
        folders = [self.libraries]
        base = (self.root / "bin" / "python").resolve().parent.parent / "lib"
        if (base / f"libpython{self.python_version}.so.1.0").exists():
            folders.append(base)
        return folders

    def check_loader(self) -> None:
        """Asks the loader whether the stub's libraries are all there.

        Raises SetupError, which names the missing library and the command that installs it.
        """
        answer = subprocess.run(
            ["ldd", str(self.stub)], env=self.environment(os.environ), capture_output=True, text=True, check=False
        )
        missing = [line.split("=>")[0].strip() for line in answer.stdout.splitlines() if "not found" in line]
        if not missing:
            return
        wanted = f"libpython{self.python_version}"
        advice = (
            f"install it: apt-get install {wanted}"
            if any(name.startswith(wanted) for name in missing)
            else "install the package of your system that has it"
        )
        raise SetupError(f"Triton's Python backend needs {', '.join(missing)}, which the loader cannot find: {advice}")

    def prepare_backends(self, home: Path) -> Path:
        """The backend folder for ``--backend-directory``, made once under ``home`` and kept while it is current.

        :returns: a folder with ``python/`` in it: the wheel's backend and the stub of this Python version.
        """
        source = self.triton / "backends" / "python"
        wanted = [source / name for name in BACKEND_FILES] + [self.stub]
        stamp = "\n".join(f"{path.name} {sha256_of(path)}" for path in wanted)
        folder = home / "serving" / "backends"
        mark = folder / "made_of.txt"
        if mark.exists() and mark.read_text() == stamp:
            return folder
        staging = folder.with_name(f".backends.{os.getpid()}")
        shutil.rmtree(staging, ignore_errors=True)
        (staging / "python").mkdir(parents=True)
        for path in wanted:
            shutil.copy2(path, staging / "python" / path.name)
        (staging / mark.name).write_text(stamp)
        if folder.exists():
            shutil.rmtree(folder)
        staging.rename(folder)
        return folder


def find_installation(serving_environment: Path) -> ServingInstallation:
    """The Triton of a serving environment (a virtual environment made from ``requirements/serving.txt``).

    Raises SetupError when the environment or a part of the wheel is missing; it names the part.
    """
    root = serving_environment.absolute()
    found = sorted(root.glob("lib/python3.*/site-packages"))
    if not found:
        raise SetupError(f"no serving environment in {root}: make it with `make setup`")
    installation = ServingInstallation(
        root=root, python_version=found[0].parent.name.removeprefix("python"), site_packages=found[0]
    )
    for part in (installation.binary, installation.stub, installation.libraries):
        if not part.exists():
            raise SetupError(
                f"the serving environment {root} lacks {part.relative_to(root)} (from nvidia-pytriton for "
                f"Python {installation.python_version}): remove the folder and run `make setup` again"
            )
    return installation
