"""What is promised is measured, judged and told: plans and criteria, how figures grow, how available a year is.

Comes in: what runs have measured, and how often things fail. Goes out: findings, and a page for those who decide. This
room must never run anything itself: no file, socket, thread or clock, and no random source but a seed that is given.
"""
