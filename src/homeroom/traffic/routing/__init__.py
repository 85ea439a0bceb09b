"""Where requests go: tables of regions and nodes, worked out from who is healthy, near, free and allowed."""
