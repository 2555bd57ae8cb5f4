"""Writing an exchange: a folder of intraday files, what is true of them, and the marker that says that they are made up.

The folder appears whole, by one rename, or not at all. The same arguments give the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from minhos.errors import BadInputError, ConfigError, SetupError
from minhos.files import fsync_folder, sha256_of, write_durable
from minhos.market_data.anchors import bar_interval
from minhos.market_data.instruments import Instrument, Instruments, load_instruments
from minhos.market_data.readers.scan import SYNTHETIC_MARKER, SYNTHETIC_TRUTH
from minhos.market_data.sierra.scid import EPOCH_OFFSET_US, HEADER, RECORD
from minhos.market_data.sierra.scid_bars import scid_bars
from minhos.market_data.sierra.scid_writer import ScidWriter
from minhos.market_data.synthetic.broken import broken_records, broken_texts, check_broken
from minhos.market_data.synthetic.law import STEP_SECONDS
from minhos.market_data.synthetic.market import HORIZON_STEPS, DrawnMarket, draw_market, market_law
from minhos.market_data.synthetic.steps import session_steps
from minhos.market_data.synthetic.text_export import export_name
from minhos.market_data.synthetic.truth import Fault, Market, Truth, WrittenFile, read_truth

__all__ = ["DEFAULT_ACCURACY", "DEFAULT_SESSIONS", "DEFAULT_SYMBOLS", "DEFAULT_TICKS", "Exchange", "write_exchange"]

DEFAULT_SYMBOLS: Final = ("SYNAZ26", "SYNBZ26")
DEFAULT_SESSIONS: Final = 60
DEFAULT_ACCURACY: Final = 0.68
DEFAULT_TICKS: Final = 30.0
_BROKEN_SEED: Final = 0x0D127
_MARKER_TEXT: Final = (
    "The files in this folder are synthetic: written by the synthetic exchange of MinhOS ML, from no market.\n"
    "Its edge is planted, or there is none. Nothing that is learned or earned here says anything about trading.\n"
)

Progress = Callable[[int, int], None]
"""(ticks written, ticks in all, about)"""


@dataclass(frozen=True)
class Exchange:
    """A written exchange. `files`: those with ticks or bars; `existed`: it was there, whole, and nothing was written."""

    folder: Path
    files: tuple[Path, ...]
    truth: Truth
    existed: bool


def write_exchange(
    folder: Path,
    *,
    seed: int,
    end: date,
    market: Market = "planted",
    symbols: Sequence[str] = DEFAULT_SYMBOLS,
    sessions: int = DEFAULT_SESSIONS,
    accuracy: float | None = None,
    mean_ticks: float = DEFAULT_TICKS,
    instruments_file: Path | None = None,
    progress: Progress | None = None,
) -> Exchange:
    """Write one `.scid` per symbol, `truth.json` and the marker that makes every plan say "synthetic".

    `end`: trading date of the last complete session (the last one before it where it is none). Each file ends with trades
    of the step after it: the bar that is still open. `accuracy`: of the best predictor over six steps, for the planted and
    the broken market (None: 0.68); the placebo has none. `mean_ticks`: trades per step of usual activity. The folder must
    be new or empty, or hold this very exchange. Raises `ConfigError` for arguments that are not possible and for another
    folder, `InstrumentError` for a symbol without a definition.
    """
    if not symbols or len(set(symbols)) != len(symbols):
        raise ConfigError(f"symbols are {', '.join(symbols) or 'none'}; name at least one, each once")
    if seed < 0:
        raise ConfigError(f"seed is {seed}; it must not be negative")
    if market == "placebo" and accuracy is not None:
        raise ConfigError(
            f"accuracy is {accuracy:g}, and the placebo has nothing to predict; leave it out, or ask for the planted market"
        )
    best = None if market == "placebo" else DEFAULT_ACCURACY if accuracy is None else accuracy
    known = load_instruments(instruments_file)
    instruments = tuple(known.find(symbol) for symbol in symbols)
    if market == "broken":
        check_broken(tuple(symbols), sessions)
    steps = session_steps(instruments, sessions=sessions, end=end)
    law = market_law(accuracy=best, steps=steps)
    drawn = draw_market(law, steps, instruments, seed=seed, mean_ticks=mean_ticks)
    truth = Truth(
        market=market,
        seed=seed,
        symbols=tuple(symbols),
        sessions=sessions,
        end=end,
        accuracy=best,
        mean_ticks=mean_ticks,
        last_session=steps.last_session,
        horizon_steps=HORIZON_STEPS,
        law=law,
        accuracies=drawn.accuracies(),
        growth=drawn.growth(),
        files={},
    )
    folder = folder.absolute()
    there = _already_there(folder, truth)
    if there is not None:
        return there
    try:
        return _written(folder, drawn, truth, known, progress)
    except OSError as error:
        there = _already_there(folder, truth)  # another process may have written it meanwhile
        if there is not None:
            return there
        raise SetupError(
            f"{folder}: cannot be written ({error.strerror}); look after the space on the disk and the permissions of "
            f"{folder.parent}, then write it again"
        ) from error


def _already_there(folder: Path, truth: Truth) -> Exchange | None:
    """The exchange that the folder holds; None for a new or an empty one. `ConfigError` for anything else."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be used as a folder ({error.strerror}); give another one") from error
    if not names:
        return None
    advice = "nothing was written; give a new or an empty folder, or remove this one"
    if SYNTHETIC_MARKER not in names:
        raise ConfigError(f"{folder}: it holds {', '.join(names[:3])} and is no synthetic exchange; {advice}")
    try:
        found = read_truth(folder)
    except BadInputError as error:
        raise ConfigError(
            f"{folder}: it holds a synthetic exchange that cannot be compared ({error}); {advice}"
        ) from error
    if (found.asked, found.law) != (truth.asked, truth.law):
        different = [name for name, value in truth.asked.items() if found.asked[name] != value] or ["law"]
        raise ConfigError(f"{folder}: it holds another synthetic exchange (its {different[0]} differs); {advice}")
    for name, file in found.files.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != file.sha256:
            raise ConfigError(f"{folder / name}: the file is not what the exchange wrote; {advice}")
    return Exchange(folder, tuple(folder / name for name in found.files), found, existed=True)


def _written(folder: Path, drawn: DrawnMarket, truth: Truth, known: Instruments, progress: Progress | None) -> Exchange:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        total = round(truth.mean_ticks * len(drawn.steps.start) * len(truth.symbols))
        ticks, done = {}, 0
        for index, symbol in enumerate(truth.symbols):
            name = f"{symbol}-SIM.scid"
            with ScidWriter(temporary / name) as writer:
                ticks[name] = 0
                for block in drawn.records(index):
                    writer.write(block)
                    ticks[name] += len(block)
                    done += len(block)
                    if progress is not None:
                        progress(done, max(total, done))
        files = {
            name: WrittenFile(symbol=symbol, records=ticks[name], sha256=sha256_of(temporary / name))
            for symbol, name in zip(truth.symbols, ticks, strict=True)
        }
        faults: list[Fault] = []
        if truth.market == "broken":
            files, faults = _break(temporary, drawn, truth, known)
        truth = truth.model_copy(update={"files": files, "faults": tuple(faults)})
        write_durable(temporary / SYNTHETIC_TRUTH, (truth.model_dump_json(indent=1) + "\n").encode())
        write_durable(temporary / SYNTHETIC_MARKER, _MARKER_TEXT.encode())
        for path in temporary.iterdir():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        fsync_folder(temporary)
        temporary.chmod(0o755)
        temporary.replace(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    fsync_folder(folder.parent)
    return Exchange(folder, tuple(folder / name for name in truth.files), truth, existed=False)


def _break(
    folder: Path, drawn: DrawnMarket, truth: Truth, known: Instruments
) -> tuple[dict[str, WrittenFile], list[Fault]]:
    """Spoil the clean files of a folder, and add text exports with the dirt that only those can have."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_BROKEN_SEED, truth.seed])))
    session = np.cumsum(drawn.steps.position == 0)
    files: dict[str, WrittenFile] = {}
    faults: list[Fault] = []
    instruments: dict[str, Instrument] = {symbol: known.find(symbol) for symbol in truth.symbols}
    bars = {}
    for symbol, instrument in instruments.items():
        path = folder / f"{symbol}-SIM.scid"
        bars[symbol] = scid_bars(
            path,
            symbol=symbol,
            timeframe_seconds=STEP_SECONDS,
            grid=lambda stamps, instrument=instrument: bar_interval(stamps, instrument, STEP_SECONDS),  # type: ignore[misc]
            tick_size=instrument.tick_size,
        ).series
        records = np.fromfile(path, dtype=RECORD, offset=HEADER.size)
        step = np.searchsorted(drawn.steps.start, records["time"] - EPOCH_OFFSET_US, side="right") - 1
        content, found = broken_records(records, session[step], instrument, rng, symbol=symbol, file=path.name)
        content = path.read_bytes()[: HEADER.size] + content
        write_durable(path, content)
        whole = (len(content) - HEADER.size) // RECORD.itemsize
        files[path.name] = WrittenFile(symbol=symbol, records=whole, sha256=hashlib.sha256(content).hexdigest())
        faults += found
    names = {symbol: export_name(symbol, STEP_SECONDS) for symbol in truth.symbols}
    for symbol, text in broken_texts(bars, instruments, names, rng):
        write_durable(folder / names[symbol], text.content)
        digest = hashlib.sha256(text.content).hexdigest()
        files[names[symbol]] = WrittenFile(symbol=symbol, records=text.rows, sha256=digest)
        faults += text.faults
    return files, faults
