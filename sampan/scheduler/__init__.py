"""The scheduler: which node each pod goes to. See app.py for the loop, decision.py for one decision."""
