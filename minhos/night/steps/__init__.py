"""One file per step of the night, each with one public function of JSON arguments that a DAG task calls.

A step takes the run folder's path, works through ``Run.step`` and returns the path again; ``ingest`` makes the folder.
May import everything of ``minhos``; heavy libraries only inside functions.
"""
