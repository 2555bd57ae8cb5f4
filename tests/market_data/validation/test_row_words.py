"""Why a row breaks a rule, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from minhos.market_data.validation.measure import measure
from minhos.market_data.validation.row_words import row_words
from minhos.market_data.validation.rules import Limit, Rule, rules_for
from tests.market_data.validation.made_bars import LAST, MNQ, made_bars

FRAME = pd.DataFrame(
    {
        "bar_end": [0, 1],
        "open": [100.25, np.nan],
        "high": [99.0, 101.0],
        "move": [31.24, 2.0],
        "volume": [-5.0, 7.0],
        "volume_surprise": [np.log(250.0), 0.0],
        "flow_gap": [0.125, 0.0],
    }
)


def rule(*limits: Limit) -> Rule:
    return Rule("a_rule", "quarantine", "are odd", limits)


@pytest.mark.parametrize(
    ("limits", "row", "words"),
    [
        ([Limit("ordered", "high", "open")], 0, "high 99 under open 100.25"),
        ([Limit("between", "move", most=12.0)], 0, "moves 31.2 times the local noise"),
        ([Limit("between", "move", most=12.0)], 1, ""),
        ([Limit("between", "volume", least=0.0)], 0, "volume -5"),
        ([Limit("between", "volume_surprise", most=5.0)], 0, "250 times the volume that is usual then"),
        ([Limit("between", "flow_gap", most=0.0)], 0, "bid + ask volume differ from the volume by 12.5%"),
        ([Limit("present", "open"), Limit("present", "high")], 1, "no open"),
        ([Limit("between", "open", most=1.0)], 1, ""),  # what is missing is told by its own rule
        (
            [Limit("ordered", "high", "open"), Limit("between", "volume", least=0.0)], 0,
            "high 99 under open 100.25, volume -5",
        ),
        ([Limit("increasing", "bar_end")], 1, ""),
        ([Limit("between", "nowhere", most=1.0)], 0, ""),
    ],
)  # fmt: skip
def test_a_row_says_what_was_measured_of_it(limits: list[Limit], row: int, words: str) -> None:
    assert row_words(rule(*limits), FRAME, row) == words


def test_every_rule_that_holds_rows_has_words_for_them() -> None:
    measured = measure(made_bars(), MNQ, session=LAST)
    for one in rules_for(measured, MNQ, session=LAST, least_rows=250, least_share=0.05):
        if one.severity != "quarantine":
            continue
        for limit in one.limits:
            bad = measured.frame.copy()
            columns = [name for name in (limit.column, limit.other) if name]
            bad[columns] = bad[columns].astype(float)
            if limit.kind == "present":
                bad.loc[5, limit.column] = np.nan
            elif limit.kind == "ordered":
                bad.loc[5, columns] = [1.0, 2.0]
            else:
                assert limit.kind == "between"
                bad.loc[5, limit.column] = 1e18 if limit.column != "volume_surprise" else 20.0
            words = row_words(one, bad, 5)
            assert words, one.name
            assert "_" not in words.replace("bid_volume", "").replace("ask_volume", ""), f"{one.name}: {words}"
