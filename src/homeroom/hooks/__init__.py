"""Others are told who entered a cohort and who left it, and the telling blocks nobody.

Comes in: changes of membership, numbered in order, the webhooks that there are, and what became of each attempt to
deliver. Goes out: what is to be kept, what is to be sent, what was given up and is kept to be looked at. A change is
delivered at least once and in order for each learner, or it is visible as one that was not; nothing is dropped without
being counted. This room must never open a connection or a file, resolve a name, ask the time or draw a number: it says
which addresses may be reached and how a message is signed, and others do it (`homeroom.adapters.webhooks`).
"""
