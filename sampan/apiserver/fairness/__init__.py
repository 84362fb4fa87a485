"""API Priority and Fairness: which request is served now, which waits, and which is told to come again (KEP-1040)."""
