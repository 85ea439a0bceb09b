"""The revisions of the schema, oldest first, each a module that Alembic reads. One that was released never changes."""
