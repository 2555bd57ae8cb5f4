"""The quarantine: findings of validations, held with their reason until a person releases them, all of it on record.

One SQLite file, `quarantine.sqlite`, that only ever grows: an event is a row, triggers refuse to change or delete one.
The bars themselves stay in the bar store; what is held is left out by whoever uses the bars. A finding is one row of one
series under one rule, or (`bar_end` None) a whole series under one rule.
"""

from minhos.market_data.quarantine.finding import Event, Finding, findings_of
from minhos.market_data.quarantine.ledger import Quarantine

__all__ = ["Event", "Finding", "Quarantine", "findings_of"]
