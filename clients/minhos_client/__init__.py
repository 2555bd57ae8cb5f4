"""What trading code imports. ``minhos_client.contract`` is the decision contract, ``minhos_client.client`` the typed client.

Nothing is imported here: a release's snapshot carries this package with the contract alone.
"""
