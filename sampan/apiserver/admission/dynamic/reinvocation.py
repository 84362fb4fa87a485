"""Who is asked again: a plugin's memory from the first round of mutation to the second.

Whoever has been asked before something changed, and wants to know of later changes, takes part in the second round; so
does he if built-in plugins change the object at its beginning. Upstream: k8s.io/apiserver/pkg/admission (plugin/webhook
/mutating/reinvocationcontext.go, plugin/policy/mutating/reinvocationcontext.go).
"""

from dataclasses import dataclass, field

from sampan.apiserver.admission.attributes import Admission
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy


@dataclass(slots=True)
class Rounds:
    """Members are named by some key of theirs."""

    asked: set[object] = field(default_factory=set)  # that want to be asked again, since the last change
    again: set[object] = field(default_factory=set)  # that are to be
    left: Object | None = None  # the object at the end of the first round, if somebody is to know

    def begin(self, admission: Admission) -> None:
        """At the beginning of a round."""
        if admission.reinvoking and self.asked and self.left != admission.obj:
            self._require()

    def end(self, admission: Admission) -> None:
        """At the end of one."""
        if self.asked and not admission.reinvoking:
            self.left = deep_copy(admission.obj)

    def takes_part(self, admission: Admission, key: object) -> bool:
        """Whether one is asked in this round."""
        return not admission.reinvoking or key in self.again

    def changed(self, admission: Admission) -> None:
        """One has changed the object."""
        self._require()
        admission.reinvoke = True

    def _require(self) -> None:
        self.again |= self.asked
        self.asked.clear()
