"""The whole world in one thread on a virtual clock: regions, links, disks, clocks, clients, and what goes wrong.

Comes in: a seed. Goes out: what happened, whether everything that was promised holds, and a digest of the run; the same
seed gives the same run, everywhere. The cores are those of production (`homeroom.log`, `homeroom.regions`); what they
ask for is done here by fakes of everything that is not certain. This room must never read a clock, draw a number that
the seed does not settle, or know anything of a core that a running node would not know.

In the order of what happens: `plan` (what will go wrong), `agenda` (virtual time), `places`, `network`, `machine` (one
node, with `ledger`, what it folds), `clients`, `checks` (what must hold), `model` (what the answer should be, written
apart), `world` (all of it), `report`; `sharing` (what follows from bytes alone, once for all nodes), `real_fold` (the
same entries, folded by real nodes).
"""
