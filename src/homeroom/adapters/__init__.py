"""The edge to the machine: files, compression, key and rejects files, data directories, threads, the clock.

In come paths and streams; out go what the cores take (chunks of whole lines, record batches, instants) and, the
other way, what the cores made, written down. Adapters decide nothing about events: what a line means is a codec's
affair, what is kept is the door's. One adapter a library, and no core ever imports from here.
"""
