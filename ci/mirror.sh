#!/usr/bin/env bash
# What the host's own apt knows about its Debian mirror, for the scripts that build guests (stand-in.sh, old-server.sh).
# Sourced, never run. No mirror is named in the repository: whatever serves this host serves the guests, in CI as on a desk.

# Lists the host's package indices, or fetches them first: a fresh CI image has often deleted its lists.
mirror_indices() {
    local format=$1 lists
    lists=$(apt-get indextargets --format "$format" 'Created-By: Packages' 'Origin: Debian')
    if [[ -z $lists ]]; then
        apt-get update >&2
        lists=$(apt-get indextargets --format "$format" 'Created-By: Packages' 'Origin: Debian')
    fi
    [[ -n $lists ]] || { echo "apt knows no Debian package index on this host" >&2; return 1; }
    # Only what Debian itself publishes for the native architecture: third-party repositories of the host have no place in a guest.
    printf '%s\n' "$lists" | LC_ALL=C sort -u
}

# Prints sources.list lines for the host's Debian mirror, components of one suite on one line.
mirror_sources() {
    # shellcheck disable=SC2016 # the $(NAME)s are apt's own placeholders
    mirror_indices '$(ARCHITECTURE) $(REPO_URI) $(CODENAME) $(COMPONENT)' |
        awk -v native="$(dpkg --print-architecture)" '
            $1 == native {
                suite = $2 " " $3
                if (!(suite in components)) order[++count] = suite
                components[suite] = components[suite] " " $4
            }
            END { for (i = 1; i <= count; i++) print "deb " order[i] components[order[i]] }'
}

# Prints the code name of the suite the host itself runs (not its -updates or -security companions).
mirror_suite() {
    (
        # shellcheck disable=SC1091 # part of every Debian host
        . /etc/os-release
        printf '%s\n' "${VERSION_CODENAME:?the host does not say which suite it runs}"
    )
}

# Prints one digest over the package indices: it changes exactly when apt could resolve to other package versions.
mirror_fingerprint() {
    # shellcheck disable=SC2016
    mirror_indices '$(FILENAME)' | tr '\n' '\0' | xargs -0 cat | sha256sum | cut -d' ' -f1
}

# Prints --aptopt arguments, one a line, for the settings without which the host could not reach its mirror either.
# mmdebstrap starts apt with a configuration of its own, so they would be lost.
mirror_apt_options() {
    apt-config dump | grep -E '^Acquire::((http|https)::(Proxy|CaInfo|CaPath|Verify-Peer)|Check-Valid-Until|Check-Date|Retries)\b' |
        sed 's/^/--aptopt=/' || true
}
