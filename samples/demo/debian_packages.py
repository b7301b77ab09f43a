# SPDX-License-Identifier: Apache-2.0
"""Fetches Debian packages of two architectures without root and without touching the machine's own apt state."""
import glob
import os
import re
import subprocess
import sys

ARCHITECTURES = ("amd64", "arm64")
DEFAULT_SOURCES = """Types: deb
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


class Packages:
    """
    A private apt: lists and downloads lie under `folder` and stay there, so that a second demo downloads nothing.

        packages = Packages("build/demo/apt"); packages.update()
        packages.versions("tzdata", "amd64")       oldest first
        packages.unpack("tzdata", "2025b-0+deb12u1", "amd64", "layer")
    """

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        for name in ("state/lists/partial", "cache/archives/partial", "etc", "debs"):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        open(os.path.join(self.folder, "state/status"), "a", encoding="utf-8").close()
        with open(os.path.join(self.folder, "etc/debian.sources"), "w", encoding="utf-8") as f:
            f.write(self._sources())
        self.config = os.path.join(self.folder, "etc/apt.conf")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write('Dir::State "%s/state"; Dir::State::status "%s/state/status"; Dir::Cache "%s/cache";\n' % ((self.folder,) * 3))
            f.write('Dir::Etc::sourcelist "%s/etc/debian.sources"; Dir::Etc::sourceparts "/dev/null";\n' % self.folder)
            f.write('APT::Architecture "%s"; #clear APT::Architectures; APT::Architectures { "%s"; "%s"; };\n' % (
                ARCHITECTURES[0], *ARCHITECTURES))
            f.write('Acquire::Languages "none"; Acquire::Retries "3"; APT::Sandbox::User "root";\n')
            f.write('APT::Update::Post-Invoke {}; APT::Update::Post-Invoke-Success {};\n')

    def _sources(self):
        """The machine's own Debian sources (its mirror), without anybody else's; the official mirror where there are none."""
        found = []
        for path in glob.glob("/etc/apt/sources.list.d/*.sources"):
            with open(path, encoding="utf-8") as f:
                for part in re.split(r"\n\s*\n", f.read()):
                    if re.search(r"^Suites:.*bookworm", part, re.M) and re.search(r"^URIs:.*/debian", part, re.M):
                        found.append(re.sub(r"(?m)^#.*\n", "", part.strip()) + "\n")
        return "\n".join(found) if found else DEFAULT_SOURCES

    def _run(self, *argv, cwd=None):
        env = dict(os.environ, APT_CONFIG=self.config, LC_ALL="C.UTF-8", DEBIAN_FRONTEND="noninteractive")
        if argv[0].startswith("apt-"):  # these two are switched off on container images, after our own file was read
            argv = [argv[0], "-o", "Dir::Cache::pkgcache=pkgcache.bin", "-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin", *argv[1:]]
        done = subprocess.run(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (" ".join(argv), done.stderr.strip()))
        return done.stdout

    def update(self):
        lists = glob.glob(os.path.join(self.folder, "state/lists/*_Packages*"))
        if not lists:
            self._run("apt-get", "-q", "update")

    def versions(self, name, architecture):
        """Every version that Debian offers at the moment, oldest first: a release and its security updates."""
        found = []
        for line in self._run("apt-cache", "madison", "%s:%s" % (name, architecture)).splitlines():
            version = line.split("|")[1].strip()
            if version not in found:
                found.append(version)
        return found[::-1]

    def fetch(self, name, version, architecture):
        """The .deb as a file. Packages for all architectures are found as well."""
        debs = os.path.join(self.folder, "debs")
        escaped = version.replace(":", "%3a")
        for arch in (architecture, "all"):
            path = os.path.join(debs, "%s_%s_%s.deb" % (name, escaped, arch))
            if os.path.exists(path):
                return path
        self._run("apt-get", "-q", "download", "%s:%s=%s" % (name, architecture, version), cwd=debs)
        for arch in (architecture, "all"):
            path = os.path.join(debs, "%s_%s_%s.deb" % (name, escaped, arch))
            if os.path.exists(path):
                return path
        raise RuntimeError("%s %s (%s) was not downloaded" % (name, version, architecture))

    def unpack(self, name, version, architecture, folder):
        os.makedirs(folder, exist_ok=True)
        self._run("dpkg-deb", "--extract", self.fetch(name, version, architecture), folder)


def main():
    packages = Packages(sys.argv[1])
    packages.update()
    for name in sys.argv[2:]:
        for architecture in ARCHITECTURES:
            print(name, architecture, packages.versions(name, architecture))


if __name__ == "__main__":
    main()
