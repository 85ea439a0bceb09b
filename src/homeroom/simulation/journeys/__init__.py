"""Worlds in which requests travel: clients, routing tables, caches and nodes that fail, on a virtual clock.

Comes in: a seed. Goes out: what became of every request, and which promises were broken. What decides is what decides
in production: the detector and the router of each node, the client's discovery, retries and budgets, the lookup of
kept answers. Of the node itself there is no more than routing, clients and caches can see of it: entries that are
durable, and a state that is the set of them (the log and the fold have their worlds in `homeroom.simulation.regions`).
This room must never read a clock, draw a number that the seed does not settle, or tell a core what a running one would
not know.

In the order of what happens: `plan` (what goes wrong), `scene` (what all share), `links` (who reaches whom), `entries`
(what a node holds), `machine` (a node, with its vantage point), `forging` (tables that nobody should follow),
`answering` and `shared` (kept answers, and the place where a region keeps them), `poisoning` (who changes these),
`caller` (a client), `crowds` (who fills the nodes), `operator` (orders), `checks` (one a promise), `world`, `report`.
"""
