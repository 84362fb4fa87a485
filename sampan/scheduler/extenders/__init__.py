"""Extenders: servers outside that have a say in where pods go, asked over HTTP.

`wire.py` says what is sent and what an answer means, `client.py` sends, `extender.py` is one of them, `extenders.py`
all of them; `deciding.py` makes a decision in which they are asked. Only pods that they are interested in wait for
them: the decision about such a pod takes as long as they take to answer, and no other pod is decided meanwhile, as it
might be given the same room. The event loop goes on. Called by app.py.
Sources: pkg/scheduler/extender.go, schedule_one.go; design proposal "Scheduler extender".
"""
