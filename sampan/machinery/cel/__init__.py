"""CEL, the expression language of validation rules, admission policies, match conditions and device selectors.

    environment.py   what an expression may use, and compiling it; engine.py behind it; Program.evaluate
    lexer, parser, macros -> checker, validators -> compiler (access, logic, calls, loops) -> closures
    library/         the functions; costs.py what calls cost, estimate.py and estimates.py what they may cost
    structural_types.py, field_types.py   types from the schemas of custom resources and of built-in kinds
    crd_rules.py     the rules of custom resources evaluated (node_rules.py); rule_audit.py the rules of a definition
                     judged (rule_walk.py); rules.py one rule of either
    admission.py     what expressions of policies and match conditions may use; policies.py their variables
    mutation.py      Object{...} and JSONPatch{...} of mutating policies
    devices.py       selectors of devices for resource claims

environment.py, crd_rules.py and rule_audit.py are light; what they need is loaded when they are first used.
Pure: nothing here waits or reads a file, and a Program has no state, so that an expensive evaluation can be repeated in
a thread. Everything follows cel-go v0.29.2 as Kubernetes 1.37.2 sets it up, down to the texts and the cost units.

Why not a library: common-expression-language (Rust) has no type checker, no costs, no optional or two-variable syntax,
and takes 0.18 s and 31 MB to import; cel-expr-python (C++) checks types, but those of objects only from protobuf
descriptors, has no costs, no two-variable macros, its own error texts, and is 50 MB installed (these closures evaluate
a rule as fast, having no values to convert: benchmarks/cel.py); cel-python needs a hundred times as long.
"""
