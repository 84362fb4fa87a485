"""An import-linter contract: no modules import each other in a circle, whatever the rooms allow between them.

Imports inside functions and for type checkers alone count too: a circle that is hidden is one all the same. Named in
pyproject.toml, run by `make lint`.
"""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output


def circle(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Some modules that import one another, first and last the same; empty where there are none."""
    try:
        TopologicalSorter({module: list(imported) for module, imported in imports.items()}).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]  # graphlib names what comes first first
    return []


class NoCircles(Contract):
    """See the module."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        root: str = self.session_options["root_packages"][0]
        own = [module for module in graph.modules if module == root or module.startswith(f"{root}.")]
        found = circle({module: sorted(graph.find_modules_directly_imported_by(module)) for module in sorted(own)})
        return ContractCheck(kept=not found, metadata={"circle": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        output.print_error("These modules import each other in a circle:")
        output.print_error("    " + " -> ".join(check.metadata["circle"]))
