const server = process.argv[2] ?? "http://127.0.0.1:8321";

async function* events(url) {
  const { body } = await fetch(url);
  let text = "";
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + part).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
      if (fields.data) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}

for await (const [kind, data] of events(`${server}/v1/watch`)) {
  if (kind !== "change") continue;
  console.log(data.code, data.error?.type ?? data.main_net);
}
