"""How long a test waits for what must come. It is no promise: what is never there fails, what comes late does not.

Promised times, such as 30 s from a kill to the last final run, are held by `./dev bench faults`: it fails beyond them.
"""

PATIENCE_S = 120
PATIENCE_MS = PATIENCE_S * 1000
