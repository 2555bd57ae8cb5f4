"""Training side of fusion: member calibration, stacking, the nested out-of-fold fit, the regime model's parameters.

Imported by ``ensemble.api`` only; what a release applies is in ``../runtime`` and is used here unchanged.
"""
