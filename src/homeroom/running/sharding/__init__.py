"""Shards at work: each folds its learners' events in a process of its own, and a head puts together what they find.

Entries and questions come in at the head (`region`), which gives both to all shards (`shard`); these may be in this
process or in others (`homeroom.adapters.ray_shards`). `local` is the form without shards. `keeping` has shards that are
gone made anew, and moved to other machines, while questions go on to be answered.
"""
