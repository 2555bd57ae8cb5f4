"""How sure: the tree members, the regimes, and the fusion of all members into one calibrated probability.

``runtime`` holds what a release carries (NumPy only); ``models`` and ``fusion`` the training code; ``api`` is the door.
Imported by the night and by ``minhos.chain``; imports nothing here (the snapshot carries this file).
"""
