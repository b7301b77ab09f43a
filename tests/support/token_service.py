#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A token service for docker-registry: Bearer tokens (JWT, RS256, signed by openssl) for one user, in both forms.

    token_service.py --key KEY --cert CERT --user U --password P [--service S] [--issuer I] [--expires-in N] [--tls CERT KEY] [--log FILE]

Prints its port; ends on SIGTERM. GET /token with Basic and POST /token with a form give the scopes that are asked for; without a
login only `pull`, and only with --anonymous-pull.
"""
import argparse
import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from httpd import Response, Server  # noqa: E402


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Signer:
    def __init__(self, key, cert):
        self.key = key
        der = subprocess.run(["openssl", "x509", "-in", cert, "-outform", "DER"], capture_output=True, check=True).stdout
        self.header = b64(json.dumps({"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}).encode())

    def token(self, claims):
        text = self.header + b"." + b64(json.dumps(claims).encode())
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text, capture_output=True, check=True).stdout
        return (text + b"." + b64(signed)).decode()


def access_of(scopes, known):
    access = []
    for scope in scopes:
        parts = scope.split(":")
        if len(parts) < 3 or parts[0] != "repository":
            continue
        actions = [a for a in parts[-1].split(",") if known or a == "pull"]
        access.append({"type": "repository", "name": ":".join(parts[1:-1]), "actions": actions})
    return access


def main():
    parser = argparse.ArgumentParser()
    for name in ("key", "cert", "user", "password"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--service", default="registry.test")
    parser.add_argument("--issuer", default="regferry test issuer")
    parser.add_argument("--expires-in", type=int, default=300)
    parser.add_argument("--anonymous-pull", action="store_true")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--log", default=os.devnull)
    args = parser.parse_args()
    signer = Signer(args.key, args.cert)
    log = open(args.log, "a", encoding="utf-8", buffering=1)

    def app(request):
        if request.path != "/token":
            return Response(404)
        refused = Response(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"wrong user name or password"}]}')
        if request.method == "POST":
            fields = dict(parse_qsl(request.body.decode()))
            scopes = fields.get("scope", "").split()
            known = fields.get("username") == args.user and fields.get("password") == args.password
        else:
            fields = request.query
            scopes = [w for k, v in parse_qsl(urlsplit(request.target).query) if k == "scope" for w in v.split()]
            want = "Basic " + base64.b64encode(("%s:%s" % (args.user, args.password)).encode()).decode()
            sent = request.header("authorization")
            known = sent == want
            if sent and not known:
                return refused
        if not known and not args.anonymous_pull:
            return refused
        now = int(time.time())
        claims = {"iss": args.issuer, "sub": args.user if known else "", "aud": fields.get("service", args.service), "nbf": now - 10,
                  "iat": now, "exp": now + args.expires_in, "jti": os.urandom(8).hex(), "access": access_of(scopes, known)}
        body = {"token": signer.token(claims), "expires_in": args.expires_in}
        return Response(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def after(request, response, failure):
        log.write(json.dumps({"method": request.method, "path": request.target, "status": response.status,
                              "has_authorization": "authorization" in request.headers, "failure": failure}) + "\n")

    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    server = Server(app, tls=args.tls, after=after).start()
    print(server.port, flush=True)
    done.wait()
    server.stop()


if __name__ == "__main__":
    main()
