#!/usr/bin/env bash
# Make the lab's certificates with the openssl program: each step explained, then shown, then run.
#
#   bash scripts/gen_certs.sh [DIR]        DIR is certs unless given
#
# It makes the same set as `python -m lab.certs`, and leaves the requests, the configurations and
# the serial file beside it. It refuses to replace a set that is there. client.pfx opens with the
# password in MTLS_PFX_PASSWORD, "changeit" unless set.
# Needs bash 3.2 or later, and OpenSSL 1.1.1 or LibreSSL 3.3 or later.
set -euo pipefail
unset CDPATH
umask 077 # keys are private from the start; what is public is opened up at the end

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

# A heading, then the explanation: a line for each further argument.
step() {
  printf '\n\n# %s\n' "$1"
  shift
  printf '#   %s\n' "$@"
}

# The extensions that decide what a certificate is good for.
show_extensions() {
  local wanted='Subject Alternative Name|Extended Key Usage'
  printf '\n$ openssl x509 -noout -text -in %s | grep -A 1 -E "%s"\n' "$1" "$wanted"
  openssl x509 -noout -text -in "$1" | grep -A 1 -E "$wanted" ||
    fail "$1 has neither subjectAltName nor extendedKeyUsage, and nothing was written"
}

[ $# -le 1 ] || fail "one folder at most. Usage: bash scripts/gen_certs.sh [DIR]"
directory=${1:-certs}
case "$directory" in -*) fail "$directory is no folder. Usage: bash scripts/gen_certs.sh [DIR]" ;; esac
templates=$(cd "$(dirname "${BASH_SOURCE[0]}")/openssl" && pwd)
configurations="ca.cnf server.cnf client.cnf"
certificates="ca.crt server.crt client.crt"
requests="server.csr client.csr"
secrets="ca.key server.key client.key client.pfx"
public="$configurations $certificates $requests ca.srl"
export MTLS_PFX_PASSWORD="${MTLS_PFX_PASSWORD:-changeit}"

command -v openssl >/dev/null || fail "openssl: not found. Install it, or use python -m lab.certs"

refuse_existing() {
  for file in $public $secrets; do
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
    for file in $public $secrets; do rm -f "$directory/$file"; done
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
for file in $configurations; do cp "$templates/$file" .; done
openssl version
printf 'Working in %s; the files move to %s when all is verified.\n' "$work" "$directory"

step "1. The private key of the certificate authority (CA)" \
  "4096 bits where the others have 2048: every certificate of the lab rests on this key, for ten" \
  "years. Outside a lab, encrypt it (-aes256 asks for a passphrase) and keep it offline."
run openssl genrsa -out ca.key 4096

step "2. The certificate of the CA" \
  "-new -x509   make a certificate at once, signed with its own key, instead of a request. This is" \
  "             for a root only: nobody stands above it." \
  "-days 3650   ten years are fine in a lab. In production take less: the key must be kept safe for" \
  "             as long, and a successor must reach everybody who trusts this one." \
  "-config      ca.cnf sets basicConstraints = critical, CA:true. Where CA is false, OpenSSL answers" \
  "             'invalid CA certificate' to everything that the key has signed."
run openssl req -new -x509 -days 3650 -config ca.cnf -key ca.key -out ca.crt

step "3. The key of the server, and its request to the CA" \
  "-new         make a signing request (CSR): name, public key and wishes, signed with the private" \
  "             key. The private key stays here: a CA never needs to see it." \
  "-config      server.cnf lists the wishes in [ req_ext ]: subjectAltName (SAN), the hosts and" \
  "             addresses that the server is reached by, and extendedKeyUsage (EKU) = serverAuth."
run openssl genrsa -out server.key 2048
run openssl req -new -config server.cnf -key server.key -out server.csr

step "4. The certificate of the server, signed by the CA" \
  "-req         the input is a request." \
  "-CA -CAkey   the certificate and the key that sign." \
  "-days 365    the shorter, the less time a stolen key is of use." \
  "-sha256      the hash that is signed." \
  "-extfile -extensions" \
  "             what the certificate is to hold: [ v3_server ] of server.cnf. Without these two, SAN" \
  "             and EKU stay in the request: openssl x509 drops them and says nothing. Clients that" \
  "             connect to 127.0.0.1 then refuse the certificate." \
  "-CAcreateserial" \
  "             make ca.srl with a random serial number if there is none, and count on from it. No" \
  "             two certificates of a CA may share a number: revocation lists name them by it."
run openssl x509 -req -days 365 -sha256 -extfile server.cnf -extensions v3_server \
  -CA ca.crt -CAkey ca.key -CAcreateserial -in server.csr -out server.crt

step "5. The key of the client, and its request" \
  "client.cnf asks for EKU = clientAuth and for no SAN: this server knows its clients by their" \
  "common name (CN). Make one key and one certificate for each client: whoever shares one cannot" \
  "be revoked alone."
run openssl genrsa -out client.key 2048
run openssl req -new -config client.cnf -key client.key -out client.csr

step "6. The certificate of the client, signed by the CA" \
  "As in step 4, with [ v3_client ] of client.cnf. ca.srl is there by now, and is counted up."
run openssl x509 -req -days 365 -sha256 -extfile client.cnf -extensions v3_client \
  -CA ca.crt -CAkey ca.key -CAcreateserial -in client.csr -out client.crt

# The algorithms are the defaults of OpenSSL 3; older programs would choose RC2 and SHA-1.
step "7. Key and certificates of the client in one file, to import into a browser" \
  "-export      write PKCS#12 (.pfx or .p12): one container under one password." \
  "-inkey -in   the client's private key and its certificate." \
  "-certfile    add the CA's certificate, so that whoever imports the file has the whole chain." \
  "-passout     the password is in MTLS_PFX_PASSWORD. Without this, openssl asks for one." \
  "-keypbe -certpbe -macalg" \
  "             today's encryption and checksum, in old versions of openssl too."
run openssl pkcs12 -export -keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256 \
  -passout env:MTLS_PFX_PASSWORD -name mtls-client \
  -inkey client.key -in client.crt -certfile ca.crt -out client.pfx

step "8. Verify both chains, each for its purpose" \
  "-purpose     check the EKU too." \
  "-x509_strict be as strict as Python 3.13's ssl.create_default_context."
run openssl verify -x509_strict -purpose sslserver -CAfile ca.crt server.crt
run openssl verify -x509_strict -purpose sslclient -CAfile ca.crt client.crt

step "9. See that SAN and EKU are in the certificates, and not only in the requests" \
  "openssl x509 -text shows everything; python -m lab.certs inspect FILE says what it is good for."
show_extensions server.crt
show_extensions client.crt

# The whole set or nothing: while .incoming is there, the lab takes the set for half written.
chmod 644 $public
cd "$directory"
refuse_existing
pending=$directory/.incoming
mv "$work" "$pending"
for file in $public $secrets; do
  mv "$pending/$file" "$file"
done
rm -rf "$pending"
pending=
printf '\nWrote to %s:\n' "$directory"
printf '  %-24s %s\n' \
  "ca.crt" "what server and client trust" \
  "server.crt server.key" "what the server shows, and proves to own" \
  "client.crt client.key" "what the client shows, and proves to own" \
  "client.pfx" "the client's, in one file; password in MTLS_PFX_PASSWORD (changeit)" \
  "ca.key" "for further certificates; nobody else needs it" \
  "*.csr *.cnf ca.srl" "requests, configurations, last serial number: for looking at"
printf 'Keep secret, and out of version control: %s\n' "$secrets"
