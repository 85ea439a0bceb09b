"""What is promised is measured, judged and told: plans and criteria, how figures grow, how available a year is.

In come what runs have measured; out come findings, and a page for those who decide. Nothing here runs anything: no
file, socket, thread or clock, and no random source but a seed that is given.
"""
