"""Nothing personal and no secret where it must not be: marks, a search that finds them, and nodes that they go through."""
