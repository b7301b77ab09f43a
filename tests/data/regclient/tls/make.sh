#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the certificates of the TLS tests anew. They guard nothing: the keys are public.
set -eu
cd "$(dirname "$0")"
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
sign() { # name subject-alt-names from to
    openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$2" >ext
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$3" -sha256 -extfile ext -out "$1.pem"
    rm -f "$1.csr" ext ca.srl
}
key ca.key
openssl req -x509 -new -key ca.key -subj "/CN=Tests of regferry" -days 36500 -sha256 \
    -addext "keyUsage=critical,keyCertSign" -out ca.pem
for name in server other-name expired client; do key "$name.key"; done
sign server "IP:127.0.0.1,DNS:localhost" 36500
sign other-name "DNS:registry.example" 36500
sign client "DNS:client" 36500
# Ended long ago: `openssl x509` signs from now on, `openssl ca` knows dates.
mkdir -p tmp && : >tmp/index && echo 01 >tmp/serial
cat >tmp/conf <<'CONF'
[ca]
default_ca = d
[d]
database = tmp/index
serial = tmp/serial
new_certs_dir = tmp
default_md = sha256
policy = p
copy_extensions = copy
[p]
commonName = supplied
CONF
openssl req -new -key expired.key -subj "/CN=expired" -addext "subjectAltName=IP:127.0.0.1" -out tmp/expired.csr
openssl ca -batch -config tmp/conf -cert ca.pem -keyfile ca.key -in tmp/expired.csr -notext -out expired.pem \
    -startdate 20000101000000Z -enddate 20010101000000Z
rm -rf tmp
rm -f ca.key
