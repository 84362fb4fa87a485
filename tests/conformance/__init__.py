"""Upstream's own conformance tests against clusters of this checkout: `make conformance`, which needs Go.

Programs are built by programs.py, images by images.py, clusters brought up by cluster.py; runner.py decides which test
runs when, execute.py runs one; outcome.py, names.py and report.py are the pure parts. tests.txt lists the tests as
`e2e.test --list-tests` of the release in go.mod names them. Not part of `make test`, but for what tests the pure parts.
"""
