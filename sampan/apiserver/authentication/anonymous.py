"""Who shows no credential at all: system:anonymous, where that is allowed. Called by authenticate.py.

Rules: k8s.io/apiserver/pkg/authentication/request/anonymous; KEP-4633 for the paths.
"""

from dataclasses import dataclass

from sampan.apiserver.authentication.user import ANONYMOUS, User


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Whether anonymous requests are served, and at which paths (none: all)."""

    enabled: bool = True
    paths: frozenset[str] = frozenset()

    def user(self, path: str) -> User | None:
        """The user of an anonymous request; None where there may be none."""
        allowed = self.enabled and (not self.paths or path in self.paths)
        return ANONYMOUS if allowed else None


EVERYWHERE = Anonymous()
