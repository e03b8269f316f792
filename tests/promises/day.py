"""One account's day without a loop: its quota, a clock set by hand, and an OpenD that counts each
request at the worst possible moment."""

from __future__ import annotations

import heapq
import random

from ..quota.stubs import Asking, Clock, Watched, scheduler

DAY = 86_400.0
LIMIT, PERIOD = 30, 30.0
GRACE = 1.0  # seconds after a loss in which OpenD may still count requests in flight
LATE = 60.0  # seconds for which the token of a request without a reply is kept


class Day:
    """24 hours of one account. ``counted`` is when OpenD counted each request."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self.drawn = random.Random(seed)
        self.clock = clock
        self.quota = scheduler(LIMIT, PERIOD)
        self.watched = Watched()
        self.quota.attach(clock, self.watched)
        self.place = Asking(self.quota)
        self.in_flight: dict[int, float] = {}  # the moment at which each will be counted
        self.counted: list[float] = []
        self.number = self.granted = 0
        self.asking = True
        self.events: list[tuple[float, int, str]] = [
            (self.drawn.uniform(0, 600), -1, "phase"),
            (self.drawn.uniform(0, 3600), -2, "lost"),
            (self.drawn.uniform(0, 3600), -3, "restart"),
        ]
        heapq.heapify(self.events)
        self.change_phase()

    def run(self) -> None:
        quota, clock, events = self.quota, self.clock, self.events
        while clock.now < DAY:
            due = quota.next_due() if quota.listeners else None
            at = events[0][0]
            if due is not None and due < at:
                clock.now = max(clock.now, due)
            else:
                clock.now = max(clock.now, at)
                while events[0][0] <= clock.now:
                    _, number, kind = heapq.heappop(events)
                    getattr(self, kind)(number)
            if self.asking and quota.listeners:
                self.place.ask(max(0, self.eager - self.place.waiting))
            quota.pump()
            for _ in range(self.place.granted - self.granted):
                self.sent()
            self.granted = self.place.granted
        self.counted += self.in_flight.values()

    # ---- one request

    def sent(self) -> None:
        draw, now = self.drawn.random(), self.clock.now
        if draw < self.unsent_share:
            self.quota.release()  # cancelled before it was written
            return
        seconds = LATE if draw > 1 - self.silent_share else self.drawn.uniform(*self.round_trip)
        self.number += 1
        # When it was sent, when it was answered, or in between.
        share = self.drawn.choice([0.0, 1.0, self.drawn.random()])
        self.in_flight[self.number] = now + share * seconds
        heapq.heappush(self.events, (now + seconds, self.number, "replied"))

    def replied(self, number: int) -> None:
        """The reply settles the token, whether a caller still waits or not."""
        counted = self.in_flight.pop(number, None)
        if counted is not None:
            self.quota.replied(self.clock.now)
            self.counted.append(min(counted, self.clock.now))

    # ---- the connection and the client

    def lost(self, number: int) -> None:
        """The connection is lost, or the gateway restarted, for a while: requests in flight are
        counted within a second, or not at all."""
        now = self.clock.now
        self.quota.lost(len(self.in_flight))
        for counted in self.in_flight.values():
            if counted <= now:
                self.counted.append(counted)
            elif self.drawn.random() < 0.8:
                share = self.drawn.choice([0.0, 1.0, self.drawn.random()])
                self.counted.append(now + share * GRACE)
        self.in_flight.clear()
        self.stop_asking()
        back = now + self.drawn.choice([0.0, 0.2, self.drawn.uniform(0.0, 40.0)])
        heapq.heappush(self.events, (back, number, "back"))
        heapq.heappush(self.events, (now + self.drawn.expovariate(1 / 900), number, "lost"))

    def back(self, number: int) -> None:
        self.asking = True

    def restart(self, number: int) -> None:
        """The client is closed and another one opened later. The quota stays, in between without
        a loop's clock."""
        if self.quota.listeners:
            self.quota.lost(len(self.in_flight))
            self.counted += [min(c, self.clock.now + GRACE) for c in self.in_flight.values()]
            self.in_flight.clear()
            self.stop_asking()
            self.quota.detach(self.watched)
            later = self.clock.now + self.drawn.choice([0.0, 0.01, 5.0, 31.0])
        else:
            self.quota.attach(self.clock, self.watched)
            self.asking = True
            later = self.clock.now + self.drawn.expovariate(1 / 1800)
        heapq.heappush(self.events, (later, number, "restart"))

    def stop_asking(self) -> None:
        self.asking = False
        self.place.ask(-self.place.waiting)

    def phase(self, number: int) -> None:
        self.change_phase()
        self.watched.events.clear()
        later = self.clock.now + self.drawn.expovariate(1 / 1200)
        heapq.heappush(self.events, (later, number, "phase"))

    def change_phase(self) -> None:
        """Draw how much is asked, and how slow and unreliable the connection is, for a while."""
        self.eager = self.drawn.choice([1, 5, 30, 100])
        self.round_trip = self.drawn.choice([(0.0, 0.0), (0.005, 0.05), (0.01, 2.0), (1.0, 9.9)])
        self.silent_share = self.drawn.choice([0.0, 0.01, 0.1])
        self.unsent_share = self.drawn.choice([0.0, 0.0, 0.2])
