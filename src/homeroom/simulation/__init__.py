"""Made-up learners: a world from a seed, its events in blocks, files in three formats.

Comes in: the parameters of a world (`homeroom.simulation.world.LearnerWorld`). Goes out: record batches, files of
events, and the truth about them. It must never read a clock, draw a random number that the seed does not settle, or
take anything from a real log.

The order of the modules is the way of an event: `curriculum` (what the campus is like, as tables), `chance` (random
bits by counter), `learners` (who enrols and comes), `sessions` (what they do), `world` (blocks), then `texts` and
`results` (what codes mean), `columns` (Arrow), `formats` (CSV, xAPI), `writers` (files), `truth` (what was written).
"""
