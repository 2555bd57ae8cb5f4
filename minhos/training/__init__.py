"""Training's ground floor: samples with [t0, t1], labels, the only splitter, profiles, ONNX export.

Imports NumPy, the standard library, pydantic and ``minhos.errors`` at the top, heavier libraries inside functions.
The capabilities and the night import it; it imports nothing of theirs.
"""
