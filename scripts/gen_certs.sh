#!/usr/bin/env bash
# Make the lab's certificates with the openssl program, showing each command.
#
#   bash scripts/gen_certs.sh [DIR]        DIR is certs unless given
#
# It makes the same set as `python -m lab.certs`, and refuses to replace one that is there.
# client.pfx opens with the password in MTLS_PFX_PASSWORD, "changeit" unless set.
# Needs bash 3.2 or later, and OpenSSL 1.1.1 or LibreSSL 3.3 or later.
set -euo pipefail
unset CDPATH
umask 077 # keys are private from the start; the certificates are opened up at the end

fail() {
  printf 'gen_certs.sh: %s\n' "$1" >&2
  exit 2
}

run() {
  printf '\n$'
  printf ' %q' "$@"
  printf '\n'
  "$@" || fail "that command failed, and nothing was written"
}

step() {
  printf '\n# %s\n' "$1"
}

# A positive number with 120 random bits (RFC 5280, 4.1.2.2).
serial() {
  printf '0x1%s' "$(openssl rand -hex 15)"
}

[ $# -le 1 ] || fail "one folder at most. Usage: bash scripts/gen_certs.sh [DIR]"
directory=${1:-certs}
case "$directory" in -*) fail "$directory is no folder. Usage: bash scripts/gen_certs.sh [DIR]" ;; esac
configuration=$(cd "$(dirname "${BASH_SOURCE[0]}")/openssl" && pwd)
certificates="ca.crt server.crt client.crt"
secrets="ca.key server.key client.key client.pfx"
export MTLS_PFX_PASSWORD="${MTLS_PFX_PASSWORD:-changeit}"

command -v openssl >/dev/null || fail "openssl: not found. Install it, or use python -m lab.certs"

refuse_existing() {
  for file in $certificates $secrets; do
    if [ -e "$directory/$file" ] || [ -L "$directory/$file" ]; then
      fail "$directory: holds $file already, and nothing was touched. Name another folder"
    fi
  done
  if [ -e "$directory/.incoming" ]; then
    fail "$directory: a set is being written here, or writing it was interrupted. Name another folder"
  fi
}
refuse_existing

# Whatever goes wrong before the whole set is in its place: nothing of it stays.
made=     # the folder, where it was not there before
work=     # where the set is made
pending=  # where it is while its files move into place
clean_up() {
  cd /
  if [ -n "$pending" ]; then
    for file in $certificates $secrets; do rm -f "$directory/$file"; done
    rm -rf "$pending"
  fi
  if [ -n "$work" ]; then rm -rf "$work"; fi
  if [ -n "$made" ]; then rmdir "$made" 2>/dev/null || true; fi # with a set in it, it stays
}
trap clean_up EXIT
trap 'exit 130' INT TERM

if [ ! -d "$directory" ]; then
  (umask 022 && mkdir -p -- "$directory") || fail "$directory: cannot be made. Name another folder"
  made=1
fi
directory=$(cd -- "$directory" && pwd)
made=${made:+$directory}
work=$(mktemp -d "$directory/.new-XXXXXX") || fail "$directory: cannot be written to. Name another"

cd "$work"
cp "$configuration/ca.cnf" "$configuration/server.cnf" "$configuration/client.cnf" .
openssl version
printf 'Working in %s; the files move to %s when all is verified.\n' "$work" "$directory"

step "1. The key of the authority"
run openssl genrsa -out ca.key 4096

step "2. The certificate of the authority, signed with its own key"
run openssl req -new -x509 -days 3650 -set_serial "$(serial)" -config ca.cnf -key ca.key -out ca.crt

step "3. The key of the server, and its request"
run openssl genrsa -out server.key 2048
run openssl req -new -config server.cnf -key server.key -out server.csr

step "4. The certificate of the server, signed by the authority"
run openssl x509 -req -days 365 -set_serial "$(serial)" -sha256 \
  -extfile server.cnf -extensions v3_server \
  -CA ca.crt -CAkey ca.key -in server.csr -out server.crt

step "5. The key of the client, and its request"
run openssl genrsa -out client.key 2048
run openssl req -new -config client.cnf -key client.key -out client.csr

step "6. The certificate of the client, signed by the authority"
run openssl x509 -req -days 365 -set_serial "$(serial)" -sha256 \
  -extfile client.cnf -extensions v3_client \
  -CA ca.crt -CAkey ca.key -in client.csr -out client.crt

# The algorithms are the defaults of OpenSSL 3; older programs would choose RC2 and SHA-1.
step "7. Key and chain of the client in one file for browsers; its password is in MTLS_PFX_PASSWORD"
run openssl pkcs12 -export -keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256 \
  -passout env:MTLS_PFX_PASSWORD -name mtls-client \
  -inkey client.key -in client.crt -certfile ca.crt -out client.pfx

step "8. Both chains, for what each is used for"
run openssl verify -x509_strict -purpose sslserver -CAfile ca.crt server.crt
run openssl verify -x509_strict -purpose sslclient -CAfile ca.crt client.crt

# The whole set or nothing: while .incoming is there, the lab takes the set for half written.
chmod 644 $certificates
cd "$directory"
refuse_existing
pending=$directory/.incoming
mv "$work" "$pending"
for file in $certificates $secrets; do
  mv "$pending/$file" "$file"
done
rm -rf "$pending"
pending=
printf '\nWrote to %s: %s %s\n' "$directory" "$certificates" "$secrets"
