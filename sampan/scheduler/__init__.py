"""The scheduler: which node each pod goes to. See app.py for the loop, cycle.py for one decision."""
