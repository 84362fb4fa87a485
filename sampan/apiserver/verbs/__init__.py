"""One file per verb; each takes Services and a Call and returns a Result."""
