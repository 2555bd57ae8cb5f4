"""Self-contained capabilities, not layers: prediction, ensemble, position sizing.

Each has one public door (``api.py``) and a ``runtime`` folder, the NumPy-only code that a release carries.
``minhos.chain`` composes the runtime folders; the capabilities do not import one another's inside.
Nothing is imported here: a release's snapshot carries this file.
"""
