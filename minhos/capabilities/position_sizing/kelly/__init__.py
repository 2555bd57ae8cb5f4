"""Training side of sizing: the win probability with its interval, the universe's covariance, the backtester.

Imported by ``position_sizing.api`` only; the runtime that sizes is in ``../runtime`` and imports nothing here.
"""
