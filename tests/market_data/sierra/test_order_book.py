"""The replay of a market depth file: by hand, and against a book of two dictionaries."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from depth_records import (
    DAY_US,
    Row,
    add_ask,
    add_bid,
    change_ask,
    change_bid,
    drop_ask,
    drop_bid,
    ended,
    records_of,
    snapshot,
    write_plain,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.sierra.depth import ADD_BID, CLEAR_BOOK, DELETE_ASK, DELETE_BID, END_OF_BATCH, open_depth
from minhos.market_data.sierra.order_book import BookReplay, top_of_book
from minhos.market_data.sierra.top_of_book import TopOfBook

NAN = float("nan")


def table(top: TopOfBook) -> list[tuple[float, ...]]:
    """Rows as people write them: seconds after the day's start, then the five figures."""
    return [((row[0] - DAY_US) / 1e6, *row[1:]) for row in zip(*(v.tolist() for v in vars(top).values()), strict=True)]


def assert_rows(top: TopOfBook, rows: list[tuple[float, ...]]) -> None:
    np.testing.assert_array_equal(np.array(table(top)).reshape(-1, 6), np.array(rows).reshape(-1, 6))


def test_the_top_is_told_at_each_end_of_a_batch_that_changed_it(tmp_path: Path) -> None:
    rows = snapshot(0, {100.0: 6, 99.75: 4}, {100.25: 5, 100.5: 5})
    rows += ended(change_bid(1, 100.0, 16))  # (20 - 10) / 30
    rows += [change_ask(2, 100.25, 500)]  # in the middle of a batch: nobody has seen this
    rows += ended(change_ask(2, 100.25, 20))  # (20 - 25) / 45
    rows += ended(change_bid(3, 100.0, 16))  # says the same again
    rows += ended(drop_bid(4, 100.0), add_ask(4, 100.0, 1))  # (4 - 26) / 30: the price trades through the bid
    assert_rows(
        top_of_book(write_plain(tmp_path, rows)),
        [
            (0, 100.0, 6, 100.25, 5, 0.0),
            (1, 100.0, 16, 100.25, 5, 10 / 30),
            (2, 100.0, 16, 100.25, 20, -5 / 45),
            (4, 99.75, 4, 100.0, 1, -22 / 30),
        ],
    )


def test_batches_of_one_stamp_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    rows = snapshot(0, {10.0: 1}, {11.0: 1}) + ended(change_bid(1, 10.0, 3)) + ended(change_bid(1, 10.0, 2))
    top = top_of_book(write_plain(tmp_path, rows))
    assert [(row[0], row[2]) for row in table(top)] == [(0, 1), (1, 3), (1, 2)]


def test_imbalance_weighs_the_best_levels_only(tmp_path: Path) -> None:
    bids, asks = {10.0 - i: 2 for i in range(8)}, {11.0 + i: 1 for i in range(8)}
    bids[3.0], asks[18.0] = 1_000, 4_000_000_000  # behind the best
    path = write_plain(tmp_path, snapshot(0, bids, asks))
    assert top_of_book(path).imbalance.tolist() == [5 / 15]
    assert top_of_book(path, levels=1).imbalance.tolist() == [1 / 3]
    everything = top_of_book(path, levels=100).imbalance
    assert everything.tolist() == [(1_014 - 4_000_000_007) / (1_014 + 4_000_000_007)]


def test_nothing_is_known_before_the_first_snapshot(tmp_path: Path) -> None:
    rows = ended(add_bid(0, 10.0, 5)) + ended(drop_ask(1, 50.0)) + snapshot(2, {9.0: 1}, {11.0: 1})
    replay = BookReplay(open_depth(write_plain(tmp_path, rows)))
    assert_rows(TopOfBook.joined(list(replay.windows())), [(2, 9.0, 1, 11.0, 1, 0.0)])
    assert replay.words() == (
        "ESZ25-CME.2025-12-01.depth: the book is not known before its first snapshot, 2 records are before it",
    )


def test_a_side_without_levels_is_not_a_number(tmp_path: Path) -> None:
    rows = snapshot(0, {}, {}) + ended(add_bid(1, 10.0, 5)) + ended(drop_bid(2, 10.0), add_ask(2, 11.0, 3))
    assert_rows(
        top_of_book(write_plain(tmp_path, rows)),
        [(0, NAN, NAN, NAN, NAN, NAN), (1, 10.0, 5, NAN, NAN, 1.0), (2, NAN, NAN, 11.0, 3, -1.0)],
    )


def test_zero_and_negative_prices_are_prices(tmp_path: Path) -> None:
    rows = snapshot(0, {-37.63: 2, -37.5: 1, -38.0: 9}, {0.0: 4, 0.5: 1})
    [row] = table(top_of_book(write_plain(tmp_path, rows), tick_size=0.01))
    assert row[1:5] == (-37.5, 1, 0.0, 4)


def test_a_crossed_book_is_told_and_counted(tmp_path: Path) -> None:
    rows = snapshot(0, {10.0: 1}, {11.0: 1}) + ended(add_bid(1, 12.0, 1)) + ended(add_bid(2, 11.5, 1))
    replay = BookReplay(open_depth(write_plain(tmp_path, rows)))
    assert table(TopOfBook.joined(list(replay.windows())))[1] == (1, 12.0, 1, 11.0, 1, 1 / 3)
    assert replay.crossed == 2
    assert "ends of batches with the bid above the ask: 2" in replay.words()[0]


def test_a_change_of_an_unknown_level_adds_it_and_a_delete_is_passed_over_both_counted(tmp_path: Path) -> None:
    rows = snapshot(0, {10.0: 1}, {11.0: 1}) + ended(change_bid(1, 10.5, 7), drop_ask(1, 99.0), drop_bid(1, 1.0))
    replay = BookReplay(open_depth(write_plain(tmp_path, rows)))
    assert table(TopOfBook.joined(list(replay.windows())))[1] == (1, 10.5, 7, 11.0, 1, 7 / 9)
    assert [words.split(": ", 1)[1] for words in replay.words()] == [
        "deletes of levels that were not there: 2",
        "changes of levels that were not there: 1",
    ]


def test_a_level_that_changes_to_nothing_is_gone(tmp_path: Path) -> None:
    rows = snapshot(0, {10.0: 1, 9.0: 3}, {11.0: 1}) + ended(change_bid(1, 10.0, 0)) + ended(drop_bid(2, 10.0))
    replay = BookReplay(open_depth(write_plain(tmp_path, rows)))
    assert table(TopOfBook.joined(list(replay.windows())))[-1] == (1, 9.0, 3, 11.0, 1, 0.5)
    assert "deletes of levels that were not there: 1" in replay.words()[0]


def test_the_levels_behind_one_that_comes_and_goes_are_looked_at(tmp_path: Path) -> None:
    rows = snapshot(0, {10.0: 1, 9.0: 2, 8.0: 3}, {11.0: 1})
    rows += ended(drop_bid(1, 10.0)) + ended(drop_bid(2, 9.0)) + ended(add_bid(3, 10.0, 4))
    top = top_of_book(write_plain(tmp_path, rows), levels=1)
    assert [row[1:3] for row in table(top)] == [(10.0, 1), (9.0, 2), (8.0, 3), (10.0, 4)]


def test_a_snapshot_replaces_the_book(tmp_path: Path) -> None:
    rows = snapshot(0, {10.0: 1, 9.0: 1}, {11.0: 1}) + snapshot(600, {8.0: 1}, {12.0: 1})
    assert table(top_of_book(write_plain(tmp_path, rows)))[1] == (600, 8.0, 1, 12.0, 1, 0.0)


def test_prices_are_multiplied_and_put_on_the_tick_grid(tmp_path: Path) -> None:
    path = write_plain(tmp_path, snapshot(0, {6207.0: 1}, {6209.0: 1}))
    assert table(top_of_book(path, price_multiplier=0.01, tick_size=0.01))[0][1::2] == (62.07, 62.09, 0.0)
    blurred = write_plain(tmp_path, snapshot(0, {62.07: 1}, {62.094: 1}))
    replay = BookReplay(open_depth(blurred), tick_size=0.01)
    [row] = table(TopOfBook.joined(list(replay.windows())))
    assert row[1] == 62.07
    assert row[3] == float(np.float32(62.094))
    assert "best prices that are no multiple of the tick size 0.01: 1" in replay.words()[0]


def test_records_that_cannot_be_used_are_counted_by_reason(tmp_path: Path) -> None:
    rows = snapshot(0, {10.0: 1}, {11.0: 1})
    rows += [(1, 9, END_OF_BATCH, 10.0, 5), *ended(add_bid(2, NAN, 5)), add_bid(3, float("inf"), 5)]
    rows += ended(add_bid(25 * 3_600, 10.0, 77)) + ended(change_bid(4, 10.0, 2))
    records = records_of(rows)
    records["price"][4:5].view(np.uint32)[:] = 0x7F800001  # a signalling NaN
    replay = BookReplay(open_depth(write_plain(tmp_path, records)), window_records=5)
    assert_rows(TopOfBook.joined(list(replay.windows())), [(0, 10.0, 1, 11.0, 1, 0.0), (4, 10.0, 2, 11.0, 1, 1 / 3)])
    assert [rejection.words() for rejection in replay.rejected] == [
        "1 row rejected, the first in record 3: its command is not known",
        "2 rows rejected, the first in record 4: its price is not a number",
        "1 row rejected, the first in record 6: its date is not of the day of the file",
    ]


def test_the_end_of_a_record_without_a_date_ends_no_batch(tmp_path: Path) -> None:
    rows = snapshot(0, {10.0: 1}, {11.0: 1})
    rows += [change_bid(1, 10.0, 500), *ended(drop_ask(90_000 + 3_600, 11.0)), *ended(change_bid(2, 10.0, 2))]
    assert [row[2] for row in table(top_of_book(write_plain(tmp_path, rows)))] == [1, 2]


def test_a_stamp_that_steps_back_was_known_when_it_came(tmp_path: Path) -> None:
    rows = snapshot(5, {10.0: 1}, {11.0: 1}) + ended(change_bid(4, 10.0, 2)) + ended(change_bid(6, 10.0, 3))
    replay = BookReplay(open_depth(write_plain(tmp_path, rows)), window_records=3)
    assert [row[0] for row in table(TopOfBook.joined(list(replay.windows())))] == [5, 5, 6]
    assert "records stamped earlier than one before them: 1" in replay.words()[0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "a header and no record yet"),
        (ended(add_bid(0, 1.0, 1)), "no snapshot of the book in it yet, so nothing is known of the book"),
        (snapshot(0, {1.0: 1}, {})[:-1], "no end of a batch in it yet, so nothing is known of the book"),
    ],
)
def test_a_file_that_tells_nothing_yet_says_so(tmp_path: Path, rows: list[Row], message: str) -> None:
    replay = BookReplay(open_depth(write_plain(tmp_path, rows)))
    assert sum(map(len, replay.windows())) == 0
    assert replay.words() == (f"ESZ25-CME.2025-12-01.depth: {message}",)


def test_the_records_count_where_the_name_says_another_day(tmp_path: Path) -> None:
    path = write_plain(tmp_path, snapshot(0, {1.0: 1}, {2.0: 1}), name="ESZ25.2025-12-09.depth")
    path.write_bytes(path.read_bytes() + b"xyz")
    replay = BookReplay(open_depth(path))
    assert sum(map(len, replay.windows())) == 1
    assert replay.words() == (
        "ESZ25.2025-12-09.depth: its name says 2025-12-09, its records are of 2025-12-01; the records count",
        "ESZ25.2025-12-09.depth: 3 bytes of a record that is still being written are left for the next time",
    )


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = write_plain(tmp_path, [])
    with pytest.raises(ConfigError, match="imbalance over 0 levels, at least 1 is needed"):
        top_of_book(path, levels=0)
    with pytest.raises(BadInputError, match="a price multiplier of -1 is not possible"):
        top_of_book(path, price_multiplier=-1)
    with pytest.raises(BadInputError, match="a tick size of 0 is not possible"):
        top_of_book(path, tick_size=0)


def dictionary_book(rows: list[Row], levels: int) -> list[tuple[float, ...]]:
    """What a book of two dictionaries, looked at after every record, says at the ends of batches that change the top."""
    books: tuple[dict[float, int], dict[float, int]] = ({}, {})
    known, newest, told = False, 0.0, []
    for at, command, flags, price, quantity in rows:
        newest = max(newest, round(at * 1e6) / 1e6)
        if command == CLEAR_BOOK:
            known = True
            books[0].clear()
            books[1].clear()
        elif ADD_BID <= command <= DELETE_ASK:
            book = books[command % 2]
            book[price] = 0 if command >= DELETE_BID else quantity
            if not book[price]:
                del book[price]
        if known and flags & END_OF_BATCH:
            bids, asks = sorted(books[0].items(), reverse=True)[:levels], sorted(books[1].items())[:levels]
            bid_quantity, ask_quantity = sum(q for _, q in bids), sum(q for _, q in asks)
            total = bid_quantity + ask_quantity
            imbalance = (bid_quantity - ask_quantity) / total if total else NAN
            told.append((newest, *(bids or [(NAN, NAN)])[0], *(asks or [(NAN, NAN)])[0], imbalance))
    return told[:1] + [row for before, row in pairwise(told) if repr(row[1:]) != repr(before[1:])]


def levels_of(ticks: range) -> st.SearchStrategy[dict[float, int]]:
    return st.dictionaries(st.sampled_from(ticks).map(lambda tick: tick / 4), st.integers(1, 3), max_size=9)


def rows_of(prices: range) -> st.SearchStrategy[list[Row]]:
    row = st.tuples(
        st.floats(0, 3, width=16),  # seconds since the record before; added up below
        st.sampled_from([0, 1, 2, 2, 3, 3, 4, 5, 6, 6, 7, 7]),
        st.sampled_from([0, 1, 1, 3]),
        st.sampled_from(prices).map(lambda tick: tick / 4),
        st.integers(0, 3),
    )
    return st.lists(row, max_size=60).map(
        lambda rows: [(float(sum(r[0] for r in rows[: i + 1])), *rows[i][1:]) for i in range(len(rows))]
    )


@given(
    first=st.none() | st.tuples(levels_of(range(-8, 1)), levels_of(range(9))),
    rows=st.one_of(rows_of(range(-2, 3)), rows_of(range(-30, 30))),
    levels=st.integers(1, 4),
    window_records=st.integers(1, 70),
    stretch_records=st.integers(1, 70),
)
@settings(max_examples=200)
def test_any_file_in_any_windows_gives_what_a_dictionary_of_levels_gives(
    tmp_path_factory: pytest.TempPathFactory,
    first: tuple[dict[float, int], dict[float, int]] | None,
    rows: list[Row],
    levels: int,
    window_records: int,
    stretch_records: int,
) -> None:
    rows = [*snapshot(0, *first), *rows] if first else [(0.0, 0, 0, 0.0, 0), *rows]  # some record has the day's date
    path = write_plain(tmp_path_factory.mktemp("book"), rows)
    replay = BookReplay(open_depth(path), levels=levels, window_records=window_records, stretch_records=stretch_records)
    assert_rows(
        TopOfBook.joined(list(replay.windows())),
        dictionary_book(rows, levels),
    )


def test_a_wide_book_is_looked_at_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    rows = snapshot(0, {}, {})
    prices: npt.NDArray[np.float64] = rng.integers(0, 400, 900) / 4
    for index, (price, command) in enumerate(zip(prices.tolist(), rng.integers(2, 8, 900).tolist(), strict=True)):
        rows += ended((1 + index / 1000, command, 0, price, 1 + index % 7))
    path = write_plain(tmp_path, records_of(rows))
    whole = top_of_book(path)
    assert_rows(whole, dictionary_book(rows, 5))
    monkeypatch.setattr("minhos.market_data.sierra.book_side._MATRIX_CELLS", 1_000)
    assert_rows(top_of_book(path), table(whole))
