// An OpenID Connect provider whose keys roll over and which fails, both when it is told to: a JSON command a line on
// standard input, a JSON answer a line on standard output. It ends when its input does.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { OAuth2Issuer, OAuth2Service } from "oauth2-mock-server";

const issuer = new OAuth2Issuer();
const service = new OAuth2Service(issuer);
const asked = {};
let fault = "";

const server = createServer((request, response) => {
  asked[request.url] = (asked[request.url] ?? 0) + 1;
  switch (fault) {
    case "": return service.requestHandler(request, response);
    case "stall": return;
    case "html": return response.writeHead(200, { "content-type": "text/html" }).end("<html>sign in</html>");
    case "redirect": return response.writeHead(302, { location: "/elsewhere" }).end();
    case "huge": return response.writeHead(200).end(" ".repeat(10_000_000));
    default: return response.writeHead(500).end();
  }
});

const commands = {
  // A new key beside the old ones, or in the place of the one that has this id.
  key: async ({ kid }) => (await issuer.keys.generate("RS256", { kid })).kid,
  // A token with these claims, by the key of this id.
  token: ({ kid, claims }) => issuer.buildToken({
    kid,
    scopesOrTransform: (_header, payload) => Object.assign(payload, claims),
  }),
  // Answers like this from now on; "" answers well.
  fail: ({ how }) => (fault = how),
  // How often each path was asked for.
  asked: () => asked,
};

await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
issuer.url = `http://127.0.0.1:${server.address().port}`;
console.log(JSON.stringify(issuer.url));
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...rest } = JSON.parse(line);
  console.log(JSON.stringify(await commands[command](rest)));
}
process.exit(0);
