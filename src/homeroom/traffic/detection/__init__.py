"""Who is healthy: each node judges the links that it sees, and only many of them together say that a node is gone."""
