"""MinhOS ML: the nightly machine-learning platform. See docs/architecture.md for who imports whom."""

__version__ = "0.1.0"
