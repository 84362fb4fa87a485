"""What is counted of one flow schema at one level: plain numbers, as every request counts. metrics.py shows them."""

from collections import Counter

from sampan.apiserver.histogram import Histogram

SECONDS = (0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
QUICK = SECONDS[1]
LENGTHS = (0, 10, 25, 50, 100, 250, 500, 1000)
SEATS = (1, 2, 4, 8, 16, 32, 64, 100)
WATCHES = (0, 1, 10, 100, 1000, 10000)


class Counts:
    """Since the server began; kept when the schema goes, as counters never fall."""

    def __init__(self) -> None:
        self.dispatched = self.no_accommodation = 0
        self.rejected: Counter[str] = Counter()  # by reason
        self.in_queues = self.seats_in_queues = self.executing = self.seats_executing = 0
        self.waited, self.waited_in_vain = Histogram(SECONDS), Histogram(SECONDS)
        self.executed, self.watched = Histogram(SECONDS), Histogram(SECONDS)  # regular requests, and watches
        self.queue_lengths, self.seats, self.watches = Histogram(LENGTHS), Histogram(SEATS), Histogram(WATCHES)
        self.at_once = 0  # requests that waited no time, took one seat, and QUICK at most
        self.seconds_at_once = 0.0

    def served(self, seconds: float, seats: int, *, watch: bool) -> None:
        """One that took time."""
        self.dispatched += 1
        self.seats.observe(seats)
        (self.watched if watch else self.executed).observe(seconds)
