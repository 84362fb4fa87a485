"""What a webhook has answered, remembered for a while. Bounds: k8s.io/apiserver/plugin/pkg/authorizer/webhook."""

from collections import OrderedDict
from collections.abc import Callable

from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.authorization.webhook.review import Answer

_MOST = 8192  # answers
_LONGEST = 10_000  # characters of what a client chooses in a question that is remembered


class AnswerCache:
    """Answers by the question's bytes; the ones that were not asked for longest go first."""

    def __init__(self, authorized_ttl: float, unauthorized_ttl: float, monotonic: Callable[[], float]) -> None:
        self._yes, self._no, self._now = authorized_ttl, unauthorized_ttl, monotonic
        self._answers: OrderedDict[bytes, tuple[Answer, float]] = OrderedDict()

    def get(self, question: bytes) -> Answer | None:
        """What was answered, if that still holds."""
        found = self._answers.get(question)
        if found is None:
            return None
        if self._now() >= found[1]:
            del self._answers[question]
            return None
        self._answers.move_to_end(question)
        return found[0]

    def put(self, question: bytes, answer: Answer, attributes: Attributes) -> None:
        """Remember an answer, unless the question is a long one."""
        lifetime = self._yes if answer.allowed else self._no
        if lifetime <= 0 or _size(attributes) >= _LONGEST:
            return
        self._answers[question] = (answer, self._now() + lifetime)
        self._answers.move_to_end(question)
        if len(self._answers) > _MOST:
            self._answers.popitem(last=False)


def _size(attributes: Attributes) -> int:
    return sum(len(text) for text in attributes[1:] if isinstance(text, str))
