# SPDX-License-Identifier: Apache-2.0
"""A limit on pulls as Docker Hub counts: a GET of a manifest is one, a HEAD is none and tells what is left."""
import json
import threading

from httpd import Response


class PullLimit:
    def __init__(self, limit, remaining):
        self.limit, self.remaining = limit, remaining
        self.lock = threading.Lock()

    def answer(self, request, respond):
        if request.method not in ("GET", "HEAD"):
            return respond()
        with self.lock:
            over = request.method == "GET" and self.remaining <= 0
            if request.method == "GET" and not over:
                self.remaining -= 1
            left = self.remaining
        if over:
            body = {"errors": [{"code": "TOOMANYREQUESTS", "message": "you have reached your pull rate limit"}]}
            response = Response(429, json.dumps(body).encode(), {"Content-Type": "application/json"})
        else:
            response = respond()
        response.headers["RateLimit-Limit"] = "%d;w=21600" % self.limit
        response.headers["RateLimit-Remaining"] = "%d;w=21600" % left
        return response
