"""Releases, the model repository and the Triton server that serves it.

``release`` builds and verifies immutable bundles, ``publisher`` brings one live, ``triton`` runs the server.
The night and the command line import it; it imports the runtime code (``minhos.chain``) and ``minhos_client``.
"""
