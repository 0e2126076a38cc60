"use strict";
// Drives a Toxiproxy server through toxiproxy-node-client.

const assert = require("node:assert");
const { Toxiproxy } = require("toxiproxy-node-client");

const toxics = {
  latency: { latency: 10, jitter: 5 },
  bandwidth: { rate: 100 },
  slow_close: { delay: 10 },
  timeout: { timeout: 10 },
  reset_peer: { timeout: 10 },
  slicer: { average_size: 10, size_variation: 5, delay: 1 },
  limit_data: { bytes: 10 },
};

async function main() {
  const server = new Toxiproxy(`http://${process.env.TOXIPROXY}`);
  for (const proxy of Object.values(await server.getAll())) {
    await proxy.remove();
  }
  const body = { name: "node", listen: "localhost:0", upstream: "localhost:1" };
  const proxy = await server.createProxy(body);
  assert(proxy.listen.startsWith("127.0.0.1:"), proxy.listen);
  await assert.rejects(server.createProxy(body), /409/);
  const update = { enabled: false, listen: proxy.listen, upstream: "localhost:2" };
  const updated = await proxy.update(update);
  assert.deepStrictEqual([updated.enabled, updated.upstream], [false, "localhost:2"]);
  await proxy.update({ ...update, enabled: true });
  assert((await server.get("node")).enabled);

  for (const [type, attributes] of Object.entries(toxics)) {
    const toxic = await proxy.addToxic({ type, attributes, toxicity: 0.5, stream: "upstream" });
    assert.deepStrictEqual([toxic.name, toxic.toxicity], [`${type}_upstream`, 0.5]);
    assert.deepStrictEqual(toxic.attributes, attributes);
    await toxic.update({ type, stream: "upstream", toxicity: 1, attributes });
    assert.strictEqual((await proxy.getToxic(toxic.name)).toxicity, 1);
    await toxic.remove();
    await assert.rejects(proxy.getToxic(toxic.name), /404/);
  }
  await assert.rejects(proxy.addToxic({ type: "lag", attributes: {} }), /400/);

  await proxy.update({ ...update, enabled: false });
  await server.reset();
  assert((await server.get("node")).enabled);
  await server.populate([{ ...body, name: "second" }]);
  assert.strictEqual((await server.get("second")).name, "second");
  assert((await server.getVersion()).length > 0);
  await (await server.get("second")).remove();
  await (await server.get("node")).remove();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
