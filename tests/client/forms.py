"""Both forms of the client behind one, so that one test runs against both; their clock jumps over pauses."""

import asyncio
import random

from homeroom.client import AsyncClient, AsyncSender, Client, ClientOptions, Sender


class Jumping:
    """A clock that moves only when somebody waits."""

    def __init__(self):
        self.ms = 0

    def now(self):
        return self.ms

    def sleep(self, ms):
        self.ms += ms

    async def asleep(self, ms):
        self.ms += ms


class Waiting:
    """The client that waits."""

    client_kind, sender_kind = Client, Sender

    def __init__(self, url, key, **options):
        self.clock = Jumping()
        self.client = self._made(url, key, options)

    def _made(self, url, key, options):
        options = ClientOptions(**{"generator": random.Random(7), **options})
        return Client(url, key, options, now_ms=self.clock.now, sleep_ms=self.clock.sleep)

    def __getattr__(self, name):
        return getattr(self.client, name)

    def sending(self, events, heard, options):
        """Add all events to a sender and return it, closed."""
        with Sender(self.client, heard, options) as sender:
            for event in events:
                sender.add(event)
        return sender


class Looping:
    """The client for an event loop, in a loop of its own."""

    client_kind, sender_kind = AsyncClient, AsyncSender

    def __init__(self, url, key, **options):
        self.clock = Jumping()
        self.runner = asyncio.Runner()
        options = ClientOptions(**{"generator": random.Random(7), **options})
        self.client = AsyncClient(
            url, key, options, now_ms=self.clock.now, sleep_ms=self.clock.asleep
        )

    @property
    def token(self):
        return self.client.token

    def __getattr__(self, name):
        method = getattr(self.client, name)

        def run(*words, **named):
            return self.runner.run(method(*words, **named))

        return run

    def sending(self, events, heard, options):
        """Add all events to a sender and return it, closed."""

        async def send():
            async with AsyncSender(self.client, heard, options) as sender:
                for event in events:
                    await sender.add(event)
            return sender

        return self.runner.run(send())

    def close(self):
        self.runner.run(self.client.close())
        self.runner.close()


FORMS = [Waiting, Looping]
