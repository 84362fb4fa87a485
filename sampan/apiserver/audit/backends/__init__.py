"""Where audit events go. Each backend may have another one behind it, as upstream's plugins have.

log_file.py      a file, through a thread; rotation.py when it has grown
webhook.py       a server that takes lists of events
buffered.py      events by the batch, and none that waits for them
truncated.py     no event and no batch larger than so much
backend.py       what all of them are
"""
