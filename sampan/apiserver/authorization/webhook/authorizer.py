"""The webhook as one of the chain: it is asked where its match conditions hold and nothing is remembered.

What it does when nobody answers is its failure policy. Rules: documentation, "Webhook Mode";
k8s.io/apiserver/plugin/pkg/authorizer/webhook.
"""

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter
from typing import Any

import orjson

from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.attributes import NO_OPINION, Attributes, Decision, Verdict
from sampan.apiserver.authorization.authorizer import Known, Opinion
from sampan.apiserver.authorization.metrics import AuthorizationMetrics
from sampan.apiserver.authorization.structured.configuration import DENY, WebhookConfiguration
from sampan.apiserver.authorization.webhook.cache import AnswerCache
from sampan.apiserver.authorization.webhook.match_conditions import AT_ONCE, Failed, MatchConditions, TooExpensive
from sampan.apiserver.authorization.webhook.review import Answer, answer_of, review_of, spec_of
from sampan.apiserver.webhooks.remote import RemoteWebhook
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object

log = logging.getLogger(__name__)


class WebhookAuthorizer:
    """One webhook."""

    def __init__(
        self,
        name: str,
        configuration: WebhookConfiguration,
        remote: RemoteWebhook,
        metrics: AuthorizationMetrics,
        monotonic: Callable[[], float],
    ) -> None:
        """Raises Uncompiled."""
        self.name, self._remote, self._metrics = name, remote, metrics
        self._version = configuration.version
        self._on_error = Verdict.DENY if configuration.failure_policy == DENY else Verdict.NO_OPINION
        self._conditions = MatchConditions(configuration.match_conditions) if configuration.match_conditions else None
        yes = configuration.authorized_ttl if configuration.cache_authorized else 0
        no = configuration.unauthorized_ttl if configuration.cache_unauthorized else 0
        self._answers = AnswerCache(yes, no, monotonic)

    def decide(self, attributes: Attributes) -> Opinion:
        """What is remembered; else a coroutine that asks."""
        spec = spec_of(attributes)
        if self._conditions is not None:
            try:
                skipped = self._skipped(self._conditions, spec, AT_ONCE)
            except TooExpensive:
                return self._judge_and_ask(self._conditions, spec, attributes)
            if skipped is not None:
                return skipped
        return self._remembered_or_asked(spec, attributes)

    def known_rules(self, user: User, namespace: str) -> Known:
        """Nobody can list what only the webhook knows."""
        return Known((), True, "webhook authorizer does not support user rule resolution")

    async def close(self) -> None:
        """Close the connections."""
        await self._remote.close()

    def _skipped(self, conditions: MatchConditions, spec: Object, *budget: int) -> Decision | None:
        """The opinion of a webhook that is not asked. Raises TooExpensive."""
        start = perf_counter()
        try:
            holds, error = conditions.hold(spec, *budget), ""
        except Failed as failed:
            holds, error = False, str(failed)
        self._metrics.conditions_judged(self.name, perf_counter() - start, failed=bool(error), excluded=not holds)
        if error:
            return Decision(self._on_error, "", error)
        return None if holds else NO_OPINION

    async def _judge_and_ask(self, conditions: MatchConditions, spec: Object, attributes: Attributes) -> Decision:
        skipped = await asyncio.to_thread(self._skipped, conditions, spec)
        if skipped is not None:
            return skipped
        found = self._remembered_or_asked(spec, attributes)
        return found if isinstance(found, Decision) else await found

    def _remembered_or_asked(self, spec: Object, attributes: Attributes) -> Opinion:
        question = orjson.dumps(spec)
        answer = self._answers.get(question)
        return self._ask(spec, question, attributes) if answer is None else answer.decision()

    async def _ask(self, spec: Object, question: bytes, attributes: Attributes) -> Decision:
        try:
            answer = await self._answer(review_of(spec, self._version))
        except (APIError, OSError, ValueError) as error:
            said = error.message if isinstance(error, APIError) else str(error)
            log.error("failed to make webhook authorizer request: %s", said)
            return Decision(self._on_error, "", said)
        self._answers.put(question, answer, attributes)
        return answer.decision()

    async def _answer(self, review: Object) -> Answer:
        """One round trip, tried again where that helps; counted."""
        start = perf_counter()
        try:
            answer: Answer = answer_of(await self._remote.post(review))
        except BaseException as error:
            result = _result(error)
            self._metrics.asked(self.name, result, perf_counter() - start)
            if self._on_error is Verdict.NO_OPINION and result != "canceled":
                self._metrics.failed_open(self.name, result)
            raise
        self._metrics.asked(self.name, "success", perf_counter() - start)
        return answer


def _result(error: Any) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "canceled"
    timed_out = isinstance(error, APIError) and error.status_code == 504
    return "timeout" if timed_out or "deadline exceeded" in str(error) else "error"
