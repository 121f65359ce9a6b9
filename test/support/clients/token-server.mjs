// A stand-in for the token server of a registry (Docker's Registry v2 authentication): whoever gives the right user and
// password may pull what they ask for. It takes nothing else.
//
//     node token-server.mjs HOST PORT USER:PASSWORD CERTIFICATE KEY
import { createSign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [host, port, login, certificate, key] = process.argv.slice(2);
const chain = [new X509Certificate(readFileSync(certificate)).raw.toString('base64')];
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

createServer(({ url, headers }, response) => {
  if (headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`) {
    response.writeHead(401).end();
    return;
  }
  const query = new URL(url, 'http://token').searchParams;
  const [type, name, actions = ''] = (query.get('scope') ?? '').split(':');
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    ...{ iss: 'lab', sub: login.split(':')[0], aud: query.get('service'), jti: String(now) },
    ...{ iat: now, nbf: now - 60, exp: now + 600 },
    access: actions.includes('pull') ? [{ type, name, actions: ['pull'] }] : [],
  };
  const text = `${encode({ typ: 'JWT', alg: 'RS256', x5c: chain })}.${encode(claims)}`;
  const token = `${text}.${createSign('RSA-SHA256').update(text).sign(readFileSync(key), 'base64url')}`;
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ token, expires_in: 600 }));
}).listen(Number(port), host);
