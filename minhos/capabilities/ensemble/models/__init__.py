"""The tree families and the registry of all member families, by the contract's member names.

A new family is one file here and one line in ``registry``. Imported by ``ensemble.api`` only.
"""
