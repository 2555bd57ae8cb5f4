"""Market data: files of Sierra Chart and mapped CSV in, checked bars in UTC out.

Vocabulary (`BarSeries`, `Instrument`, sessions), the readers, the plan of a night, validation and the synthetic
exchange. May import `minhos.errors` and the contract; training, capabilities, night and above may import it.
"""
