"""Futures expiries: when each stops trading, when a position moves on, and the continuous series that results.

May import the vocabulary of market data (bars, instruments, sessions, symbols); no reader and no store.
"""
