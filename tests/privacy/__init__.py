"""Nothing personal and no secret where it must not be: marks, nodes that they go through, a search that finds them."""
