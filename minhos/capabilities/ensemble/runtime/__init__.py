"""From the members' outputs to one probability: calibration tables, stacking, the forward regime filter.

NumPy, the standard library and ``minhos_client.contract`` only: a release carries this folder.
Imported by ``minhos.chain``, training and backtest code; imports nothing here.
"""
