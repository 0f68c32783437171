// Connects once for each line "PORT CA [CERT:KEY]", by Deno, whose TLS is rustls.
async function connect([port, ca, pair]) {
  const [cert, key] = pair ? pair.split(":").map((path) => Deno.readTextFileSync(path)) : [];
  try {
    const connection = await Deno.connectTls({
      hostname: "localhost",
      port: Number(port),
      caCerts: [Deno.readTextFileSync(ca)],
      ...(pair && { cert, key }),
    });
    try {
      await connection.handshake();
      await connection.read(new Uint8Array(1));
    } finally {
      connection.close();
    }
    return "ok";
  } catch (error) {
    return String(error);
  }
}

const decoder = new TextDecoder();
let pending = "";
for await (const chunk of Deno.stdin.readable) {
  pending += decoder.decode(chunk, { stream: true });
  const lines = pending.split("\n");
  pending = lines.pop();
  for (const line of lines) {
    console.log((await connect(line.split(" "))).replaceAll("\n", " "));
  }
}
