"""What may only be used where a quota says how much: upstream's ResourceQuotaConfiguration."""

from collections.abc import Iterable
from dataclasses import dataclass

from sampan.kinds.core.pod_resources import Resources
from sampan.kinds.quota.scopes import Term


@dataclass(frozen=True, slots=True)
class LimitedResource:
    """Objects of one kind, if they use a resource whose name contains a text or are in a scope."""

    resource: str  # pods
    group: str = ""
    match_contains: tuple[str, ...] = ()
    match_scopes: tuple[Term, ...] = ()


def limited_names(limited: Iterable[LimitedResource], usage: Resources) -> set[str]:
    """The resources in use that must be in some quota."""
    texts = [text for one in limited for text in one.match_contains]
    return {name for name, amount in usage.items() if amount.nano > 0 and any(text in name for text in texts)}
