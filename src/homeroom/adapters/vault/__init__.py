"""The vault: statements and documents, sealed under a key for each person, in one SQLite file.

In come requests that were checked, and out go operations; operations come in again when they are durable, in order, and
change the file. The file is a view: it can be made again from all operations. Nothing in it names anybody in clear, and
a person whose key is destroyed cannot be read from it any more.
"""
