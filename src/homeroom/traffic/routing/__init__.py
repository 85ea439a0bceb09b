"""Where requests go: from every node's health and what operators ordered to one table for clients."""
