"""The record store's rules: what a statement and a document must be, what they become, and how they are asked for.

In come decoded JSON and the parameters of requests; out go statements in the form in which they are kept and shown,
terms to find them by, and refusals that name the field and the rule. The rules are those of xAPI 1.0.3 and of 2.0
(IEEE 9274.1.1). This room must never open a file, draw a random number or ask a clock, and a refusal must never repeat
what a person sent: it may hold a name.
"""
