"""Admission that comes and goes with objects of the API: what webhooks and policies have in common.

following.py   the configurations of the moment      rules.py, selecting.py   which of them a request concerns
versions.py    objects in the version asked for       request.py, bindings.py  what they and expressions are told
conditions.py, evaluation.py, authorizer.py           expressions and their budgets
reinvocation.py   who is asked a second time          metrics.py               what came of it
"""
