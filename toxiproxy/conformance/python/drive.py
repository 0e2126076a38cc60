"""Drives a Toxiproxy server through toxiproxy-python."""

import os

import toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

TOXICS = {
    "latency": {"latency": 10, "jitter": 5},
    "bandwidth": {"rate": 100},
    "slow_close": {"delay": 10},
    "timeout": {"timeout": 10},
    "reset_peer": {"timeout": 10},
    "slicer": {"average_size": 10, "size_variation": 5, "delay": 1},
    "limit_data": {"bytes": 10},
}


def refuses(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError("%s was not refused with %s" % (call, error))


host, port = os.environ["TOXIPROXY"].rsplit(":", 1)
server = toxiproxy.Toxiproxy()
server.update_api_consumer(host, int(port))
server.destroy_all()
assert server.running() and b"version" in server.version()

proxy = server.create(upstream="localhost:1", name="python")
assert proxy.enabled and proxy.listen.startswith("127.0.0.1:"), proxy.listen
refuses(ProxyExists, server.create, upstream="localhost:1", name="python")
proxy.disable()
assert not server.get_proxy("python").enabled
proxy.enable()
assert server.get_proxy("python").enabled
with proxy.down():
    assert not server.get_proxy("python").enabled

for kind, attributes in TOXICS.items():
    for stream in ("upstream", "downstream"):
        proxy.add_toxic(type=kind, stream=stream, attributes=attributes, toxicity=0.5)
        toxic = proxy.get_toxic("%s_%s" % (kind, stream))
        assert (toxic.type, toxic.stream, toxic.toxicity) == (kind, stream, 0.5)
        assert toxic.attributes == attributes
assert len(proxy.toxics()) == 2 * len(TOXICS)
refuses(InvalidToxic, proxy.add_toxic, type="lag")
refuses(NotFound, proxy.destroy_toxic, "lag")
proxy.destroy_toxic("latency_upstream")
assert proxy.get_toxic("latency_upstream") is None

proxy.disable()
server.reset()
assert server.get_proxy("python").enabled and not proxy.toxics()
populated = server.populate([{"name": "second", "upstream": "localhost:1", "listen": "localhost:0"}])
assert [proxy.name for proxy in populated] == ["second"]
server.destroy_all()
assert server.proxies() == {}
