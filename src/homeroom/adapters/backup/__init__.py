"""Backups: what a data directory holds, as encrypted objects in a folder or an object store.

    repository.json     what the repository is called, and how its key is wrapped
    objects/XX/NAME     a part of a file, or a pack of entries of the log; never changed once it is there
    backups/ID          a manifest: all that one backup is made of, by the names of its objects
    marks/…             who is at work

A backup puts the objects that are not there yet, reads them back, and writes its manifest last. So whatever ends it
leaves every older backup as it was, and what it had sent need not be sent again. Each manifest names everything that
its backup needs: there is no chain of increments, and any backup may be removed without harm to the others.

Comes in: a data directory, of a node that runs or of none. Goes out: objects, and from these a directory again. Nothing
leaves the machine that is not encrypted, and no object is ever believed that does not decrypt to what its name says.
"""
