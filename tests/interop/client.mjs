// The vendor's JavaScript client against a gateway: node client.mjs PORT KEY CODES
//
// CODES is a JSON list of [market, code]. Prints one line: RESULT and what it was told, as
// JSON. Ours: nothing of the vendor's is in here.

if (!globalThis.WebSocket) {
  globalThis.WebSocket = (await import("ws")).WebSocket; // node has had its own since 22
}
const { default: FtWebsocket } = await import("futu-api");

const [port, key, codes] = process.argv.slice(2);

function finish(result) {
  console.log("RESULT " + JSON.stringify(result));
  process.exit(0);
}

// It tries for ever by itself.
setTimeout(() => process.exit(3), 20_000);

const client = new FtWebsocket();

client.onlogin = async (ok, told) => {
  if (!ok) {
    finish({ ok, error: told });
  }
  try {
    const figures = [];
    for (const [market, code] of JSON.parse(codes)) {
      const request = { c2s: { security: { market, code } } };
      const answer = client.GetCapitalDistribution(request);
      figures.push(await answer.catch((refusal) => refusal));
    }
    const state = await client.GetGlobalState({ c2s: { userID: 0 } });
    finish({ ok, connID: String(client.getConnID()), figures, state });
  } catch (error) {
    finish({ ok, failed: String(error) });
  }
};

client.start("127.0.0.1", Number(port), false, key);
