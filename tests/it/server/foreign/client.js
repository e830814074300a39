// Asks the example `echo`, whose address is the argument, with the two clients of Node.
const assert = require("node:assert");
const http = require("node:http");

const base = process.argv[1];
const large = Buffer.alloc(10 << 20, "0123456789");

// The clients of node:http: keep-alive, with and without a length, with an expectation.
function ask(agent, { method = "GET", headers = {}, chunks = [] }) {
  return new Promise((resolve, reject) => {
    const request = http.request(base + "/x", { agent, method, headers }, (response) => {
      const got = [];
      response.on("data", (chunk) => got.push(chunk));
      response.on("end", () => resolve({ response, body: Buffer.concat(got), reused: request.reusedSocket }));
      response.on("error", reject);
    });
    request.on("error", reject);
    const send = () => {
      for (const chunk of chunks) request.write(chunk);
      request.end();
    };
    if (headers.Expect) {
      request.on("continue", send);
      request.flushHeaders();
    } else send();
  });
}

async function main() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let nth = 0; nth < 5; nth++) {
    const { response, body, reused } = await ask(agent, {});
    assert.strictEqual(response.statusCode, 200);
    assert.strictEqual(body.toString(), "OK");
    assert.strictEqual(reused, nth > 0);
  }
  const chunked = await ask(agent, { method: "POST", chunks: ["one", "two", large] });
  assert.ok(chunked.body.equals(Buffer.concat([Buffer.from("onetwo"), large])));
  const expecting = { Expect: "100-continue", "Content-Length": 5 };
  const asked = await ask(agent, { method: "PUT", headers: expecting, chunks: ["hello"] });
  assert.strictEqual(asked.body.toString(), "hello");
  const head = await ask(agent, { method: "HEAD" });
  assert.strictEqual(head.response.headers["content-length"], "2");
  assert.strictEqual(head.body.length, 0);
  agent.destroy();

  const answers = Array.from({ length: 50 }, async (_, nth) => {
    const response = await fetch(base + "/x", { method: "POST", body: `the ${nth}th` });
    assert.strictEqual(await response.text(), `the ${nth}th`);
  });
  await Promise.all(answers);
  const whole = await fetch(base + "/x", { method: "POST", body: large });
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(large));
  console.log("fine");
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
