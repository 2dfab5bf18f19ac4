#!/bin/sh
# Keeps each mail in a file instead of sending it: its arguments in the first line, then the message as it came.
folder=/var/spool/migrate-verify-mail
umask 022
file=$(mktemp "$folder/.XXXXXX") || exit 75
{ printf '<%s>' "$@" && echo && cat; } > "$file" && chmod 644 "$file" || exit 75
mv "$file" "$folder/$(date +%s.%N)-${file##*/.}" || exit 75
