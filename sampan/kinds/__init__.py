"""One file per kind: names, versions and conversions, defaults, validation, update rules, printed columns."""
