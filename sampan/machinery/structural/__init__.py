"""Structural schemas: what a CustomResourceDefinition says about its objects, compiled to closures.

schema.py parses a JSONSchemaProps tree node by node, each when it is first needed, so that a definition of megabytes
costs only what its objects use. The others make one closure per node from it: reading.py (pruning, coercion, unknown
fields), defaulting.py, validation.py (with strings.py, numbers.py, formats.py, patterns.py and junctors.py),
list_types.py, embedded.py, ratcheting.py and rules.py (the seam for CEL). resource.py puts them in upstream's order and
is what the API server calls. structurality.py says what keeps a schema from being structural, definitions.py turns one
into the field schema's types, publishing.py into OpenAPI. Nothing here knows a particular kind, and nothing does I/O.

Upstream: k8s.io/apiextensions-apiserver/pkg/apiserver/{schema,validation}, k8s.io/kube-openapi/pkg/validation.
"""
