"""The summary page of a validation: one HTML file that needs no network, with the words that everybody reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from minhos.files import write_text
from minhos.market_data.bars import iso
from minhos.market_data.timeframes import timeframe_name
from minhos.market_data.validation.result import ValidationResult

__all__ = ["write_page"]

_TEMPLATE = Path(__file__).with_name("page.html.jinja")


def write_page(folder: Path, results: Sequence[ValidationResult], *, title: str, written: str) -> Path:
    """Write `<folder>/index.html`; it links Great Expectations' Data Docs where `<folder>/<symbol>/index.html` is there.

    `written`: when, for people.
    """
    from jinja2 import Environment

    template = Environment(autoescape=True).from_string(_TEMPLATE.read_text(encoding="utf-8"))
    docs = {
        result.symbol: f"{result.symbol}/index.html"
        for result in results
        if (folder / result.symbol / "index.html").exists()
    }
    names = {result.timeframe_seconds: timeframe_name(result.timeframe_seconds) for result in results}
    page = template.render(results=results, title=title, written=written, docs=docs, names=names, iso=iso)
    return write_text(folder / "index.html", page)
