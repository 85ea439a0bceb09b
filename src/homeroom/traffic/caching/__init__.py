"""What is answered without asking again: kept in process, region and world, and never told across scopes."""
