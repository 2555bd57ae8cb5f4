"""The tables of features and traditional signals as the documentation shows them, made from their declarations.

.venv/bin/python -m minhos.capabilities.prediction.feature_table       put them into docs/features.md
"""

from __future__ import annotations

from math import isinf
from pathlib import Path
from typing import Final

from minhos.capabilities.prediction.runtime.catalogue import GROUPS
from minhos.capabilities.prediction.runtime.catalogue.declaration import PRICES, Feature
from minhos.capabilities.prediction.runtime.features import STATE_LOOKBACK, lookback
from minhos.capabilities.prediction.runtime.traditional import TRADITIONAL
from minhos.files import write_text

__all__ = ["DOCUMENT", "tables", "with_tables"]

DOCUMENT: Final = Path(__file__).resolve().parents[3] / "docs" / "features.md"
_BEGIN, _END = "<!-- declarations: begin -->", "<!-- declarations: end -->"


def tables() -> str:
    """The features by group, then the signals, as Markdown."""
    lines: list[str] = []
    for group, features in GROUPS.items():
        lines += [f"### {group.capitalize()}", "", "| feature | formula and source | bars | range | reads |"]
        lines.append("|---|---|---|---|---|")
        for one in features:
            reads = sorted(one.needs - PRICES) if one.needs >= PRICES else sorted(one.needs)
            words = ", ".join(["prices"] * (one.needs >= PRICES) + reads).replace("_", " ")
            lines.append(f"| `{one.name}` | {_cell(one.source)} | {one.lookback} | {_range(one)} | {words} |")
        lines.append("")
    names = [feature.name for features in GROUPS.values() for feature in features]
    longest = max(lookback(names), STATE_LOOKBACK)
    lines += [f"{len(names)} features; the longest reads {longest} bars.", "", "### Traditional signals", ""]
    lines += ["| signal | formula and source | bars |", "|---|---|---|"]
    lines += [f"| `{one.name}` | {_cell(one.source)} | {one.lookback} |" for one in TRADITIONAL]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _range(feature: Feature) -> str:
    if isinf(feature.low):
        return "unbounded"
    return f"{feature.low:.4g} and up" if isinf(feature.high) else f"{feature.low:.4g} .. {feature.high:.4g}"


def with_tables(document: str) -> str:
    """The document with the tables between its marks."""
    head, _, rest = document.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n\n{tables()}\n\n{_END}{tail}"


if __name__ == "__main__":
    write_text(DOCUMENT, with_tables(DOCUMENT.read_text(encoding="utf-8")))
