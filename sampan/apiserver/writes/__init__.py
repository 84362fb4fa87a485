"""How an object is written, one path for all verbs: pipeline.py has the steps in order, write.py what a verb says."""
