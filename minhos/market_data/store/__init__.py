"""The bar store: every series of bars, with every value it ever had, in one Delta Lake table of Parquet files.

`BarStore` is its door. Delta Lake keeps the log (a commit is one file, there or not), pyarrow the files.
May import `bars`, `minhos.files`, `minhos.locks`; the intake, rolls and the night may import it.
"""

from minhos.market_data.store.bar_store import BarStore
from minhos.market_data.store.catalog import CatalogEntry
from minhos.market_data.store.history import Revision
from minhos.market_data.store.upkeep import Upkeep
from minhos.market_data.store.upsert import Upserted

__all__ = ["BarStore", "CatalogEntry", "Revision", "Upkeep", "Upserted"]
