"""Names of contracts: the code in a file or chart name, and its root.

File names and month codes: the Sierra Chart reference; CQG and Rithmic names by their published samples.
"""

from __future__ import annotations

import re

__all__ = ["codes_in", "contract_code", "root_of"]

_MONTHS = "FGHJKMNQUVXZ"
_CONTRACT = re.compile(rf"(?P<root>[A-Z0-9]+?)[{_MONTHS}](?:\d{{1,2}}|20\d{{2}})")
_CRYPTO_PAIR = re.compile(r"(?P<base>[A-Z0-9]{2,10})[-/](?P<quote>USDT|USDC|USD|EUR|BTC|ETH)(?![A-Z0-9])")
_CHART_TYPE = re.compile(r"\[[^\]]*\]")


def contract_code(name: str) -> str:
    """The contract's code without exchange and kind: upper case letters and digits.

    `MNQZ25-CME` -> `MNQZ25`; `ESU24_FUT_CME` -> `ESU24`; `CLM4.NYM` -> `CLM4`; `F.US.EPZ20` -> `EPZ20`;
    `BTCUSDT_PERP_BINANCE` -> `BTCUSDT`; `BTC-USDT` -> `BTCUSDT` (BTC alone is CME's future); a continuous chart's `[C]` is
    dropped.
    """
    text = _CHART_TYPE.sub("", name.strip().upper())
    cqg = re.match(r"F\.[A-Z]{2}\.(?P<code>[A-Z0-9]+)(?![A-Z0-9])", text)
    if cqg is not None:
        return cqg["code"]
    pair = _CRYPTO_PAIR.match(text)
    if pair is not None:
        return pair["base"] + pair["quote"]
    return re.split(r"[^A-Z0-9]+", text.lstrip("@#/$^"), maxsplit=1)[0]


def root_of(code: str) -> str | None:
    """The root of a dated contract code (`MNQZ25` -> `MNQ`, `6EH26` -> `6E`); None for an undated one."""
    match = _CONTRACT.fullmatch(code)
    return None if match is None else match["root"]


def codes_in(name: str) -> tuple[str, ...]:
    """The dated contracts that a name has anywhere in it, each once: `Copy of MNQZ25-CME_5m` -> `MNQZ25`."""
    tokens = re.split(r"[^A-Z0-9]+", name.upper())
    return tuple(dict.fromkeys(token for token in tokens if root_of(token) is not None))
