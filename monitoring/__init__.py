"""Monitoring: the drift step of a night with its Evidently report, and what `minhos status` says.

Imports `minhos.night` and what is below it; only the DAGs and the command line import it. Heavy libraries are imported
inside the functions that use them.
"""
