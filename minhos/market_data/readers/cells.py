"""The values of one column, as Arrow has them, as numbers or as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_numbers", "as_text"]

_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def as_numbers(values: Any, *, where: str) -> npt.NDArray[np.float64]:
    """An Arrow column as float64 [T]; NaN for a null and for text that is no number. Text is read to the nearest float64.

    `BadInputError` for a type that holds no numbers (a timestamp, a list ...); `where` opens its words.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    kind = values.type
    if _is_text(kind):
        values = _parsed(values)
    elif not any(
        is_kind(kind) for is_kind in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    ):
        raise BadInputError(f"{where}: its type is {kind}, numbers are needed; name another column in the column map")
    numbers = pc.cast(values, pa.float64(), safe=False)  # an integer beyond 2^53 becomes the nearest float64
    return np.array(numbers.to_numpy())  # a copy: Arrow's own memory is read-only


def as_text(values: Any, *, where: str) -> pd.Series[str]:
    """An Arrow column as text without surrounding spaces, missing where it is null.

    `BadInputError` for a type that has no text (a list ...); `where` opens its words.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        text = values if _is_text(values.type) else pc.cast(values, pa.string())
    except pa.ArrowNotImplementedError as error:
        raise BadInputError(
            f"{where}: its type is {values.type}, a time is needed; name another column in the column map"
        ) from error
    series: pd.Series[str] = pc.utf8_trim_whitespace(text).to_pandas()
    return series


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _parsed(text: Any) -> Any:
    """Text as Arrow float64; what is no number is null. Arrow's own reading stops at the first that is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(text, pa.float64())
    except pa.ArrowInvalid:
        trimmed = pc.ascii_trim_whitespace(text)
    try:
        return pc.cast(trimmed, pa.float64())
    except pa.ArrowInvalid:
        is_number = pc.match_substring_regex(trimmed, _NUMBER)
        return pc.cast(pc.if_else(is_number, trimmed, pa.scalar(None, trimmed.type)), pa.float64())
