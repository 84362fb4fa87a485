"""Benchmarks: each module has `main()`, which prints JSON lines; peers run in the same run."""
