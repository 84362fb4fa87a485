"""The catalogue of the built-in kinds, made once for the tests."""

from sampan.kinds.registry import builtin_catalogue

CATALOGUE = builtin_catalogue()
