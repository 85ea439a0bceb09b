"""The tables of a log's store, and how an older store becomes one of today: both databases from one definition.

`current` says whether a store must be changed, and imports nothing; `tables` is the definition, `migrating` runs the
revisions in `versions` by Alembic. Only these last two know SQLAlchemy: a node whose store is of today never waits
for it to be imported.

A schema only goes forward, in three steps, each a release of its own: *expand* (add what the new release needs, with
defaults, so that the release before still runs), *migrate* (fill it), *contract* (take away what nobody uses any
more). Each revision writes into ``log_schema`` the oldest release's revision that can still work with it.
"""
