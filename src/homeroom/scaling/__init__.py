"""A region that is too large for one machine: its learners are cut into shards, which answer together.

Entries of the log come in, the same to each shard, and a shard keeps the events of its own learners (`slots`). A
question goes to all of them, and where something holds of all learners their parts are put together (`gathering`,
`together`); one answer goes out, from one vector. `placing` says on which machine a shard should be, `journal` in which
order entries were given, so that a shard that is made anew codes texts as the others do.

Nothing in here knows how shards are reached: no thread, no process, no Ray.
"""
