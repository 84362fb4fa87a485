"""ValidatingAdmissionPolicy and MutatingAdmissionPolicy: rules and changes as expressions, put in force by bindings.

policies.py   policies and bindings, parsed and compiled       matching.py, params.py   where they hold, with what
deciding.py -> validating.py                                   mutations.py -> mutating.py
"""
