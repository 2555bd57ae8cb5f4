"""Which way: the features of a bar window and the LSTM.

``runtime`` holds what a release carries (NumPy only); ``lstm`` the training code; ``api`` is the door.
Imported by the night and by ``minhos.chain``; imports nothing here (the snapshot carries this file).
"""
