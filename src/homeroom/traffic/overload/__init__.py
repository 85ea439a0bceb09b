"""How many requests are let in: as many as are answered in time, the important ones first."""
