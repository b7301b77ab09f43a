#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of some fuzz corpora anew: headers, url, host_flag, json, tar (findings beside them stay). The seeds are committed; this shows where they come from."""
import io
import os
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import make_images as images  # noqa: E402


def put(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def tar_of(members, form=tarfile.USTAR_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, value in members:
            info = tarfile.TarInfo(name)
            if isinstance(value, bytes):
                info.size = len(value)
                tar.addfile(info, io.BytesIO(value))
            else:
                info.type = value
                info.linkname = "../../etc/passwd"
                tar.addfile(info)
    return out.getvalue()


def main():
    for i, text in enumerate([
            'WWW-Authenticate: Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull"\n',
            'WWW-Authenticate: Basic realm="x", Bearer realm="y\\"z",error="invalid_token"\n', 'WWW-Authenticate: Basic\nWWW-Authenticate: Negotiate abc==\n',
            'Link: </v2/a/tags/list?last=x&n=2>; rel="next"\n', 'Link: <a>; rel=prev, <b>;rel="x next";title="a,b"\n',
            "Content-Range: bytes 0-9/100\nRange: 0-99\n", "Content-Range: bytes 5-4/*\n", "Retry-After: 120\n", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\n"]):
        put("headers", "seed-%02d" % i, text)
    for i, text in enumerate(["https://r.example/v2/", "http://[::1]:5000/a?b=c", "/v2/x?_state=y", "//other.example/x", "../a/./b", "https://u:p@x/", "https://x:99999/",
                              "HTTPS://Host.Example:443/%2e%2e/", "http://2130706433/", "?q", "https://x/\x01"]):
        put("url", "seed-%02d" % i, text)
    for i, text in enumerate(["reg=localhost:5000,tls=disabled", "reg=a.example,user=x,pass=secret,tls=insecure", 'reg=b,user="a,b",pass="q\\"r"', "reg=c,blob-chunk=1,req-per-sec=2.5",
                              "reg=d,pass=x\\,y", "tls=enabled", "reg=", "reg=x,reg=y"]):
        put("host_flag", "seed-%02d" % i, text)
    for i, text in enumerate(['{"a":[1,2.5,-3,true,null,"\\u00e4\\n"]}', "[[[[]]]]", '{"a":1,"a":2}', '"\\ud800"', "1e999", "123456789012345678901234567890", '{"":{}}', "[1,]"]):
        put("json", "seed-%02d" % i, text)
    blob = b"{}"
    layout = [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", b'{"schemaVersion":2,"manifests":[]}'),
              ("blobs/sha256/" + images.digest_of(blob)[7:], blob)]
    put("tar", "layout", tar_of(layout))
    put("tar", "pax", tar_of([("n" * 150, b"x"), ("ä", b"y")], tarfile.PAX_FORMAT))
    put("tar", "gnu", tar_of([("n" * 150, b"x")], tarfile.GNU_FORMAT))
    put("tar", "links", tar_of([("a", tarfile.SYMTYPE), ("b", tarfile.LNKTYPE), ("c", tarfile.FIFOTYPE), ("d", tarfile.CHRTYPE)]))
    put("tar", "evil-names", tar_of([("../x", b"1")]) + tar_of([("/abs", b"2")]))
    put("tar", "twice", tar_of([("a", b"1"), ("a", b"2")]))
    put("tar", "cut", tar_of(layout)[:1300])

if __name__ == "__main__":
    main()
