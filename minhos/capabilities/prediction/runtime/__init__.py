"""From a bar window to features: rolling forms, the catalogue of features, the checks of a window.

NumPy, the standard library and ``minhos_client.contract`` only: a release carries this folder.
Imported by ``minhos.chain``, training and backtest code; imports nothing here.
"""
