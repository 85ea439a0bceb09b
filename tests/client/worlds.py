"""A world of real nodes behind real sockets, in a thread of the test's process; each region can die for its clients."""

import asyncio
import threading
from contextlib import AsyncExitStack

from homeroom.adapters.web_server import Listening, serve_until
from homeroom.log.control import KeyCreated, Scope
from homeroom.running.hosting import interface_of, webhooks_of
from homeroom.serve.app import make_app
from homeroom.serve.keys import draw_key
from homeroom.serve.settings import Settings
from tests.client.faulty import Proxy
from tests.client.served import now_ms
from tests.running.worlds import RunningWorld, sealed_events


class ClientWorld:
    """Nodes of a world, each a region of its own, each behind a proxy."""

    def __init__(self, path, monkeypatch, *names):
        self.names = names
        self.key = draw_key()
        self.proxies = {}
        self._world = RunningWorld(path, *names, monkeypatch=monkeypatch)
        self._path = path
        self._ready, self._failure = threading.Event(), None
        self._thread = threading.Thread(target=self._work, name="client-world")
        self._proxy_threads = []

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(60)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_):
        for name in self.proxies:
            self.die(name)
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        for proxy in self.proxies.values():
            proxy.http.close()

    @property
    def urls(self):
        return [self.proxies[name].url for name in self.names]

    def die(self, name):
        """Have a region answer nobody any more: neither clients, whose connections are gone, nor other regions."""
        proxy = self.proxies[name]
        if proxy.fault("", "") is None:
            self._world.cut.add(name)
            proxy.fault = lambda _method, _path: "refuse"
            proxy.shutdown()
            proxy.server_close()

    def part(self, name):
        """Have other regions not hear a region that its clients reach."""
        self._world.cut.add(name)

    def heal(self, name):
        """Have other regions hear a region again; what it has written meanwhile comes to them."""
        self._world.cut.discard(name)

    def events(self):
        """Wait until all nodes have come to the same, and return how many events there are."""
        return self._run(self._events())

    async def _events(self):
        await self._world.equal()
        nodes = self._world.nodes.values()
        (count,) = {node._live.read("main", sealed_events) for node in nodes}
        return count

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _work(self):
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._failure = error
            self._ready.set()

    async def _serve(self):
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        async with self._world as world, AsyncExitStack() as stack:
            await world.nodes[self.names[0]].change(self._key_created(), "test")
            await world.until(self._is_known, "the key is known everywhere")
            serving = []
            for name in self.names:
                ready = asyncio.Event()
                app = await self._app(stack, name)
                listening = Listening(host="127.0.0.1", port=0, stop_s_max=1)
                serving.append(
                    asyncio.ensure_future(
                        serve_until(app, listening, self._stopping, self._heard(name, ready))
                    )
                )
                await ready.wait()
            self._ready.set()
            await asyncio.gather(*serving)

    async def _app(self, stack, name):
        path, node, settings = self._path / name, self._world.nodes[name], Settings()
        webhooks = await stack.enter_async_context(webhooks_of(path, node, settings, now_ms))
        inside, outside = (node, webhooks), (now_ms, None)
        interface = await stack.enter_async_context(interface_of(path, inside, settings, outside))
        return make_app(interface)

    def _heard(self, name, ready):
        def heard(url):
            proxy = self.proxies[name] = Proxy(url, lambda _method, _path: None)
            serve = {"target": proxy.serve_forever, "kwargs": {"poll_interval": 0.02}}
            threading.Thread(**serve, daemon=True).start()
            ready.set()

        return heard

    def _key_created(self):
        return KeyCreated(
            prefix=self.key.prefix,
            name="test",
            digest=self.key.digest,
            tenant="main",
            owner=self.key.prefix,
            scopes=tuple(map(Scope, ("read", "write", "admin"))),
        )

    def _is_known(self):
        nodes = self._world.nodes.values()
        return all(self.key.prefix in node.control().keys for node in nodes)
