"""From a win probability to a target position: barriers, Kelly, drawdown, portfolio, caps, waterfall.

NumPy, the standard library and ``minhos_client.contract`` only: a release carries this folder.
Imported by ``minhos.chain``, training and backtest code; imports nothing here.
"""
