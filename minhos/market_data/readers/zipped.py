"""A text file inside a ZIP archive or compressed by gzip: vendors ship one table per archive."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import Final

from minhos.errors import BadInputError

__all__ = ["unzipped"]

_MAGIC: Final = b"PK\x03\x04"
_GZIP: Final = b"\x1f\x8b"


def unzipped(path: Path, content: bytes) -> bytes:
    """The one file in an archive, or `content` itself where it is none.

    What is in a whole archive is no longer written to: a last line without its line end gets one.
    Raises `BadInputError` for an archive that is broken or encrypted, or that does not have exactly one file.
    """
    if not content.startswith((_MAGIC, _GZIP)):
        return content
    try:
        text = gzip.decompress(content) if content.startswith(_GZIP) else _only_member(path, content)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise BadInputError(
            f"{path}: not a readable archive ({error}); copy or download it again, or unpack it and give the file"
        ) from error
    return text if text.endswith(b"\n") else text + b"\n"


def _only_member(path: Path, content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [member.filename for member in archive.infolist() if not member.is_dir()]
        if len(names) != 1:
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            raise BadInputError(
                f"{path}: the archive has {len(names)} files ({shown}), one is needed; unpack it and give the files"
            )
        return archive.read(names[0])
