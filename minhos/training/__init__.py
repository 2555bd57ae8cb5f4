"""Training's ground floor: samples with [t0, t1], labels and their weights, the splitters, leak checks,
profiles, ONNX export.

Imports NumPy, the standard library, pydantic and ``minhos.errors`` at the top, heavier libraries inside functions.
The capabilities and the night import it; it imports nothing of theirs.
"""
