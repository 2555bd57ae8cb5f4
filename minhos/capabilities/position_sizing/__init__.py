"""How big: from a win probability with its interval to whole contracts, every step shown.

``runtime`` holds what a release carries (NumPy only); ``kelly`` the training code; ``api`` is the door.
Imported by the night and by ``minhos.chain``; imports nothing here (the snapshot carries this file).
"""
