// An OpenID Connect provider (the certified implementation oidc-provider) on a free port of this machine. It runs until
// its standard input ends. Prints its issuer. Each line of the input replaces its accounts: {"<subject>": {<claims>}, …}.
//
//   node provider.mjs CLIENT_ID CLIENT_SECRET REDIRECT_URL

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const [clientId, clientSecret, redirectUrl] = process.argv.slice(2);
let accounts = {};

const server = createServer().listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUrl] }],
    claims: { email: ['email', 'email_verified'] },
    findAccount: (_, subject) => ({
      accountId: subject,
      claims: () => ({ sub: subject, ...accounts[subject] }),
    }),
    pkce: { required: () => true },
    cookies: { keys: ['for the tests only'] },
    // The pages on which anybody can sign in under any name.
    features: { devInteractions: { enabled: true } },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});

createInterface({ input: process.stdin })
  .on('line', (line) => {
    accounts = JSON.parse(line);
    console.log('accounts');
  })
  .on('close', () => process.exit());
