"""The steps of a night: from files on disk to a proven, published release.

One file per step under ``steps/``; ``run.py`` is the folder they share, ``gate.py`` decides, ``driver.py`` runs a night
through Airflow from the command line. Imports everything below it; only ``dags``, ``monitoring`` and the CLI import it.
"""
