#!/bin/sh
# create-secrets.sh DIRECTORY
#
# Creates what Redis and the gateway need to know each other, unless it exists: a password of 256 random bits, an ACL
# that allows the gateway its own keys only, and a certificate for TLS. `docker compose up` runs this by itself;
# docs/deployment.md says how to use it for Kubernetes. To change everything, delete the directory and run it again.
set -eu
umask 077

directory=$1
days=3650
mkdir -p "$directory"
cd "$directory"
# The last file that is written.
[ -e password ] && exit 0
rm -f ca.* redis.* users.acl password.new extensions

# An authority for this one certificate. Its key is deleted, so nothing else can be signed with it.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" -subj "/CN=Quittance Redis" \
    -keyout ca.key -out ca.crt 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=redis" -keyout redis.key -out redis.csr 2>/dev/null
printf 'subjectAltName=DNS:redis,DNS:localhost,IP:127.0.0.1\n' >extensions
openssl x509 -req -in redis.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -extfile extensions \
    -out redis.crt 2>/dev/null
rm -f ca.key ca.srl redis.csr extensions

secret=$(openssl rand -hex 32)
hash=$(printf %s "$secret" | openssl dgst -sha256 | sed 's/^.* //')
# Without a password, nothing but a health check.
cat >users.acl <<ACL
user default on nopass sanitize-payload resetkeys resetchannels -@all +ping
user gateway on #$hash sanitize-payload resetkeys ~quittance:* resetchannels -@all +@all -@admin -@dangerous +info
ACL

chmod 444 ca.crt redis.crt
chmod 400 redis.key users.acl
# In the containers, Redis and the gateway have these users.
if [ "$(id -u)" = 0 ]; then
    chmod 755 .
    chown 999:1000 redis.key users.acl
fi
printf %s "$secret" >password.new
chmod 400 password.new
[ "$(id -u)" = 0 ] && chown 10001:10001 password.new
mv password.new password
