"""The intake: files of any kind that the readers know, into the bar store; `minhos ingest` is its door for people.

`plan` looks (kinds, symbols, what is new), `take_in` reads and writes, file by file; `journal` remembers how far.
May import the readers and the store; the command line and the night may import it.
"""
