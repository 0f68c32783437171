// Connects once for each line "PORT CA CERT:KEY ...".
"use strict";
const fs = require("fs");
const readline = require("readline");
const tls = require("tls");

function connect([port, ca, ...pairs]) {
  return new Promise((resolve) => {
    const files = pairs.map((pair) => pair.split(":").map((path) => fs.readFileSync(path)));
    let socket;
    try {
      socket = tls.connect({
        host: "127.0.0.1",
        port: Number(port),
        servername: "localhost",
        ca: fs.readFileSync(ca),
        cert: files.map(([cert]) => cert),
        key: files.map(([, key]) => key),
      });
    } catch (error) {
      resolve(String(error.code || error));
      return;
    }
    socket.on("error", (error) => resolve(String(error)));
    socket.on("close", () => resolve("ok"));
    socket.resume();
  });
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log((await connect(line.split(" "))).replaceAll("\n", " "));
  }
})();
