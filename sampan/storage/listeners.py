"""Who follows a log: history first, then live events, every revision once and in order.

A listener that raises has lost an event, and whoever reads from it would be told less than what is stored. So that is
the end of the store: nothing is published or written any more, and `wait_failed` tells the server to stop; its next
start reads the log again. Shared by the Stores; on the event loop only.
"""

import asyncio
import logging
from collections.abc import Sequence

from sampan.storage.protocol import Event, Listener, ListenerFailed

log = logging.getLogger(__name__)


class Subscription:
    """One listener. Live events wait until its history has come, and are dropped where the history had them."""

    def __init__(self, listener: Listener, after: int) -> None:
        self._listener = listener
        self._seen = after
        self._early: list[Event] | None = []  # None: history has been delivered
        self._cancelled = False

    def begin(self, history: Sequence[Event]) -> None:
        """Deliver what happened before, then go live."""
        early, self._early = self._early or [], None
        self.offer(history)
        self.offer(early)

    def offer(self, events: Sequence[Event]) -> None:
        """Pass on what the listener has not seen."""
        if self._early is not None:
            self._early.extend(events)
            return
        if events and events[0].revision <= self._seen:
            events = [event for event in events if event.revision > self._seen]
        if events and not self._cancelled:
            self._seen = events[-1].revision
            self._listener(events)

    def cancel(self) -> None:
        """Deliver nothing more."""
        self._cancelled = True


class Listeners:
    """All subscriptions of a store."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self._failure: ListenerFailed | None = None
        self._failed = asyncio.Event()

    def add(self, listener: Listener, after: int) -> Subscription:
        """A subscription that waits for `begin`."""
        subscription = Subscription(listener, after)
        self._subscriptions.append(subscription)
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """Unsubscribe; may be called twice."""
        subscription.cancel()
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def begin(self, subscription: Subscription, history: Sequence[Event]) -> None:
        """Deliver what happened before to a new subscription."""
        try:
            subscription.begin(history)
        except Exception as error:  # noqa: BLE001 - whatever it was, the listener has lost an event
            self.fail(error)

    def publish(self, events: Sequence[Event]) -> None:
        """Pass on one committed batch."""
        for subscription in tuple(self._subscriptions):
            try:
                subscription.offer(events)
            except Exception as error:  # noqa: BLE001 - as above
                self.fail(error)

    def check(self) -> None:
        """Before a write; raises ListenerFailed."""
        if self._failure is not None:
            raise self._failure

    async def wait_failed(self) -> None:
        """Wait for a listener to fail, for ever if need be; raises ListenerFailed."""
        await self._failed.wait()
        self.check()

    def clear(self) -> None:
        """Unsubscribe everyone: the store is closing."""
        for subscription in tuple(self._subscriptions):
            self.remove(subscription)

    def fail(self, error: Exception) -> None:
        """The end of the store."""
        log.critical("the log cannot be followed any more; nothing is written", exc_info=error)
        self._failure = self._failure or ListenerFailed(f"a follower of the log failed: {error!r}")
        self._failed.set()
        self.clear()
