# SPDX-License-Identifier: Apache-2.0
"""What the golden cases of regctl start from: lists of (repository, tag, node), and names for digests."""
import io
import os
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import make_images as mi  # noqa: E402

BASE = "org.opencontainers.image.base."
PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")


def _platform_image(base, version, platform, labels=None):
    own = mi.layer_of_files({"app": None, "app/version": b"%d %s\n" % (version, platform.encode()), "app/current": "version"})
    return mi.image([base, own], platform=platform, labels={"version": str(version), **(labels or {})})


def _base(version):
    return mi.layer_of_files({"base": None, "base/release": b"base %d\n" % version, "etc": None, "etc/release": "../base/release"})


def app():
    """team/app: v1 (one image), v2 and v3 (indexes for three platforms), base images, referrers, a digest tag, an artifact, a Docker list."""
    base1, base2 = _base(1), _base(2)
    b1, b2 = mi.image([base1]), mi.image([base2])
    v1 = _platform_image(base1, 1, "linux/amd64")
    twos = [_platform_image(base1, 2, p) for p in PLATFORMS]
    v2 = mi.index(twos, annotations={BASE + "name": "{reg}/team/app:b1", "org.example.version": "2"})
    threes = [_platform_image(base2, 3, p, {"arg": "value"}) for p in PLATFORMS]
    v3 = mi.index(threes, annotations={"org.example.version": "3"})
    tag, signed = mi.cosign_signature(v1)
    docker = mi.image([mi.layer_of_files({"d": b"docker\n"})], types=mi.DOCKER)
    return [
        ("team/app", "b1", b1), ("team/app", "b2", b2), ("team/app", "v1", v1), ("team/app", "v2", v2), ("team/app", "v3", v3),
        ("team/app", None, mi.sbom(v2)), ("team/app", None, mi.signature(v2)), ("team/app", None, mi.sbom(twos[0])),
        ("team/app", tag, signed),
        ("team/app", "a1", mi.artifact("application/example", [("application/example", b"example\n")], annotations={"a": "1"})),
        ("team/docker", "v1", docker), ("team/docker", "list", mi.index([docker], types=mi.DOCKER)),
        ("team/chart", "0.1.0", mi.helm_chart("shop", "0.1.0")), ("team/cnab", "1", mi.cnab([v1, twos[1]])),
    ]


def tags():
    """Many tags of one image."""
    one = mi.image([mi.layer_of_files({"one": b"1\n"})])
    names = ["v1.0", "v1.1", "v1.10", "v2.0", "v2.0-rc1", "latest", "nightly", "v2.0-debug"]
    return [("many/tags", name, one) for name in names] + [("a/one", "1", one), ("b/two", "1", one)]


def files():
    """os: an image whose file system has links, whiteouts and a folder that is a link."""
    lower = mi.layer_of_files({"usr": None, "usr/bin": None, "usr/bin/tool": b"tool\n", "bin": "usr/bin", "etc": None,
                               "etc/release": "../usr/lib/release", "usr/lib": None, "usr/lib/release": b"release 1\n",
                               "tmp": None, "tmp/gone": b"gone\n", "opt": None, "opt/a": b"a\n", "opt/b": b"b\n"})
    upper = mi.layer_of_files({"usr/lib/release": b"release 2\n", "tmp/.wh.gone": b"", "opt/.wh..wh..opq": b"", "opt/b": b"new b\n",
                               "loop": "loop"})
    return [("os", "1", mi.image([lower, upper]))]


def layers():
    """os: two versions of a layer, plain and compressed in different ways, and configurations that differ."""
    one = mi.layer_of_files({"etc": None, "etc/motd": b"hello\n", "etc/link": "motd", "bin/run": b"run\n", "empty": b""})
    two = mi.layer_of_files({"etc": None, "etc/motd": b"hello, all\n", "etc/link": "motd", "bin/run": b"run\n", "new\nline": b"x"})
    return [("os", "1", mi.image([one])), ("os", "2", mi.image([two], labels={"version": "2"})), ("other", "1", mi.image([two]))]


def _files_of(parts, artifact_type="application/vnd.example.files"):
    """An artifact of (title or None, bytes, more annotations)."""
    empty = mi.Blob(b"{}", mi.EMPTY_TYPE)
    blobs, entries = [empty], []
    for title, data, more in parts:
        blob = mi.Blob(data, "application/vnd.example.archive" if more else "application/octet-stream")
        annotations = {**({"org.opencontainers.image.title": title} if title is not None else {}), **more}
        blobs.append(blob)
        entries.append(blob.descriptor(**({"annotations": annotations} if annotations else {})))
    document = {"schemaVersion": 2, "mediaType": mi.OCI["manifest"], "artifactType": artifact_type, "config": empty.descriptor(),
                "layers": entries}
    return mi.Node(document, mi.OCI["manifest"], blobs)


def _tar(*members):
    """A tar.gz of (name, type, link or content), as hostile as wanted."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, value in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(value)
                tar.addfile(info, io.BytesIO(value))
            else:
                info.linkname = value or ""
                tar.addfile(info)
    return mi.gzip_of(out.getvalue())


UNPACK = {"io.deis.oras.content.unpack": "true"}


def titles():
    """files: artifacts of files with titles of all kinds; bad-...: what must not get out of its folder."""
    archive = _tar(("sub/", tarfile.DIRTYPE, None), ("sub/a.txt", tarfile.REGTYPE, b"a\n"), ("sub/link", tarfile.SYMTYPE, "../b.txt"),
                   ("b.txt", tarfile.REGTYPE, b"b\n"), ("hard", tarfile.LNKTYPE, "b.txt"), ("null", tarfile.CHRTYPE, None))
    good = _files_of([("readme.txt", b"read me\n", {}), ("docs/deep/page.md", b"page\n", {}), (None, b"untitled\n", {}),
                      ("tree/", archive, {"kind": "tree"}), ("packed.tgz", archive, UNPACK)])
    bad = {
        "climb": [("../../etc/x", b"climbs\n", {})],
        "absolute": [("/etc/y", b"absolute\n", {})],
        "control": [("a\x1b[2Jb", b"control\n", {})],
        "dots": [("..", b"dots\n", {})],
        "member": [("t/", _tar(("../../../climb", tarfile.REGTYPE, b"1"), ("/abs", tarfile.REGTYPE, b"2")), UNPACK)],
        "symlink": [("t/", _tar(("out", tarfile.SYMTYPE, "/etc"), ("out/x", tarfile.REGTYPE, b"x")), UNPACK)],
        "chain": [("t/", _tar(("a/b", tarfile.SYMTYPE, ".."), ("c", tarfile.SYMTYPE, "a/b/../..")), UNPACK)],
        "through": [("t/", _tar(("d", tarfile.SYMTYPE, "."), ("d/x", tarfile.REGTYPE, b"x")), UNPACK)],
        "hard": [("t/", _tar(("l", tarfile.SYMTYPE, "f"), ("h", tarfile.LNKTYPE, "l")), UNPACK)],
        "two": [("t/", _tar(("d", tarfile.SYMTYPE, "e"), ("e/", tarfile.DIRTYPE, None)), UNPACK), ("t/d/x", b"x\n", {})],
    }
    return [("files", "good", good)] + [("files", "bad-" + name, _files_of(parts)) for name, parts in bad.items()]


def made():
    """made: an image for two platforms, with referrers that have annotations to filter and sort by."""
    arms = [mi.image([mi.layer_of_files({"made": p.encode()})], platform=p) for p in PLATFORMS[:2]]
    top = mi.index(arms)
    created = "org.opencontainers.image.created"

    def sbom(subject, day, kind="application/spdx+json", **more):
        return mi.artifact(kind, [(kind, b"made on day %d\n" % day)], subject=subject,
                           annotations={created: "2026-01-%02dT00:00:00Z" % day, **more})
    return [("made", "1", top), ("made", None, sbom(top, 2, team="a")), ("made", None, sbom(top, 3, team="b")),
            ("made", None, sbom(top, 1, "application/vnd.cyclonedx+json")), ("made", None, sbom(arms[0], 4)),
            ("elsewhere", None, sbom(top, 5))]


def hub():
    """library/alpine, as if it were the hub's: 3 and latest are one index, edge another; and an image of somebody's."""
    three = mi.index([_platform_image(_base(3), 3, p) for p in PLATFORMS])
    edge = mi.index([_platform_image(_base(4), 4, p) for p in PLATFORMS])
    ci = mi.image([mi.layer_of_files({"ci": b"1234\n"})])
    return [("library/alpine", "3", three), ("library/alpine", "latest", three), ("library/alpine", "edge", edge), ("example/app", "ci-1234", ci)]


SEEDS = {"hub": hub, "app": app, "tags": tags, "files": files, "layers": layers, "titles": titles, "made": made}


def digests(triples):
    """Names for digests of a seed: app-v2 (tag of the last part of the repository), app-v2-linux/arm64, app-v2-layer0, app-v2-config."""
    found = {}
    for repository, tag, node in triples:
        if not tag or tag.startswith("sha256-"):
            continue
        stem = "%s-%s" % (repository.split("/")[-1], tag)
        found[stem] = node.digest
        for child in node.children:
            platform = getattr(child, "platform", None)
            if platform:
                found["%s-%s" % (stem, "/".join(platform[k] for k in ("os", "architecture", "variant") if k in platform))] = child.digest
        if "config" in node.document:
            found[stem + "-config"] = node.document["config"]["digest"]
        for i, layer in enumerate(node.document.get("layers", [])):
            found["%s-layer%d" % (stem, i)] = layer["digest"]
    return found
