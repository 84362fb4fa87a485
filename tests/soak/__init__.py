"""Whether the API server keeps its promises for hours, whatever happens to it: traffic, faults, and their judgement."""
