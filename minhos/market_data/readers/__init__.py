"""Readers: one file in, one `BarSeries` out, recognised by content and never written to.

`sierra_text` (Export Bar Data) and `generic_csv` (through a column map); `scan` is the door that finds them.
Only `minhos.market_data` imports from here.
"""
