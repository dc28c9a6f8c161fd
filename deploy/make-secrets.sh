#!/bin/sh
# Makes the secrets of compose.yaml in ./secrets: those that are there already stay as they are. It prints none of
# them.
#
# The folder is readable by its owner alone; the files in it by everybody, since compose hands them to containers as
# they are, whose users are others. Keep a copy of priorauth_encryption_keys elsewhere: without it nothing can be read
# any more.
set -eu
umask 077
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"

keep() { # keep NAME: writes standard input there, unless it is there
    if [ -s "$folder/$1" ]; then
        cat >/dev/null
        return
    fi
    # Never half of one: whoever is killed in between begins again.
    tr -d '\n' >"$folder/.$1"
    chmod 444 "$folder/.$1"
    mv "$folder/.$1" "$folder/$1"
}

# No character that would mean something in a URL.
openssl rand -hex 32 | keep postgres_password
printf 'postgresql://priorauth:%s@postgres/priorauth' "$(cat "$folder/postgres_password")" | keep priorauth_database_url
openssl rand -base64 32 | keep priorauth_encryption_keys
openssl rand -base64 32 | keep priorauth_server_key
