"""Sierra Chart's binary formats: intraday files (`scid*.py`) and market depth (`depth*.py`).

The layouts are the project's own knowledge of the formats; files are mapped window by window and never written to,
except by a writer. Only `minhos.market_data` imports from here.
"""
