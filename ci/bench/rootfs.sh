# Images unpacked, digested and compared: ours against umoci, oci-image-tool, diffoscope, diff and pigz.
# Sourced by ci/bench.sh, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2317 # what bench.sh sets, and calls by name

# Diffoscope takes minutes where it takes seconds here; more than this says nothing new.
longest_diffoscope=300

# Writes a tar of $1 directories of 64 entries each to the standard output.
small_files() {
    perl - "$1" <<'PERL'
use strict;
use warnings;
sub entry {
    my ($name, $kind, $mode, $content) = @_;
    my $header = pack 'a100 a8 a8 a8 a12 a12 A8 a1 a100 a6 a2', $name, $mode, '0000000', '0000000',
        sprintf('%011o', length $content), '11735122000', '', $kind, '', "ustar\0", '00';
    $header .= "\0" x (512 - length $header);
    substr($header, 148, 8) = sprintf "%06o\0 ", unpack '%32C*', $header;
    return $header . $content . "\0" x (-length($content) % 512);
}
print entry('./', '5', '0000755', '');
for my $folder (1 .. $ARGV[0]) {
    print entry("./folder-$folder/", '5', '0000755', '');
    print entry("./folder-$folder/file-$_", '0', '0000644', "file $_ of folder $folder\n" x ($_ * 2)) for 1 .. 63;
}
print "\0" x 1024;
PERL
}

# Makes an image of a tar: write_image TAR LAYOUT
write_image() {
    local tar=$1 layout=$2 diff_id layer config manifest
    mkdir -p "$layout/blobs/sha256"
    diff_id=$(sha256sum < "$tar" | cut -d' ' -f1)
    gzip -n -1 < "$tar" > "$layout/part"
    layer=$(add_blob "$layout" layer.v1.tar+gzip)
    printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$diff_id" > "$layout/part"
    config=$(add_blob "$layout" config.v1+json)
    printf '{"schemaVersion":2,"config":%s,"layers":[%s]}' "$config" "$layer" > "$layout/part"
    manifest=$(add_blob "$layout" manifest.v1+json)
    printf '{"schemaVersion":2,"manifests":[%s]}' "$manifest" > "$layout/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}\n' > "$layout/oci-layout"
}

# Moves the file "part" of a layout under its digest and prints its descriptor.
add_blob() {
    local digest size
    digest=$(sha256sum < "$1/part" | cut -d' ' -f1)
    size=$(stat -c %s "$1/part")
    mv "$1/part" "$1/blobs/sha256/$digest"
    printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%d}' "$2" "$digest" "$size"
}

# Each of the following is run as a process of its own by `measure`, whose indirection shellcheck cannot follow.
# shellcheck disable=SC2317
ours_twice() {
    "$program" rootfs unpack "$2" "$1/ours-a" && "$program" rootfs unpack "$2" "$1/ours-b"
    # Both have printed their digests; as a user who has only the trees would:
    "$program" rootfs digest "$1/ours-a" && "$program" rootfs digest "$1/ours-b"
    "$program" rootfs diff "$1/ours-a" "$1/ours-b"
}

# shellcheck disable=SC2317
umoci_twice() {
    umoci raw unpack --image "$2" "$1/umoci-a" && umoci raw unpack --image "$2" "$1/umoci-b"
}

# shellcheck disable=SC2317
image_tool_twice() {
    local tree
    for tree in image-tool-a image-tool-b; do
        mkdir "$1/$tree"
        oci-image-tool create --type imageLayout --ref name="$3" --rootfs rootfs "$2" "$1/$tree" ||
            oci-image-tool create --ref name="$3" "$2" "$1/$tree"
        tar --sort=name -C "$1/$tree" -c . | sha256sum
    done
}

# shellcheck disable=SC2317
layer_digest() { pigz -dc "$1" | sha256sum; }

bench_rootfs() {
    export -f ours_twice umoci_twice image_tool_twice layer_digest
    local image layout layer run scale folder tree
    install_peers umoci diffoscope-minimal diffutils pigz oci-image-tool time perl
    image=$("$here/stand-in.sh")
    layout=${image#oci:}
    layout=$(readlink -f "${layout%:*}")
    layer=$(find "$layout/blobs/sha256" -type f -size +10M | head -n 1)

    # Nothing is removed before the end: what a removal leaves the disk to do would be counted as the next one's work.
    for ((run = 1; run <= runs; run++)); do
        folder=$work/run-$run
        mkdir "$folder"
        sync
        measure ours-twice ours_twice "$folder" "oci:$layout:stand-in"
        sync
        ! has umoci || measure umoci-twice umoci_twice "$folder" "$layout:stand-in"
        sync
        ! has oci-image-tool || measure image-tool-twice image_tool_twice "$folder" "$layout" stand-in
        sync
        measure ours-unpack "$program" rootfs unpack "oci:$layout:stand-in" "$folder/ours-c"
        measure ours-tree-digest "$program" rootfs digest "$folder/ours-c"
        # Once unmeasured, so that all find the trees in memory.
        "$program" rootfs digest "$folder/ours-a" > /dev/null
        "$program" rootfs digest "$folder/ours-b" > /dev/null
        measure ours-diff "$program" rootfs diff "$folder/ours-a" "$folder/ours-b"
        measure diff diff -r --no-dereference "$folder/ours-a" "$folder/ours-b"
        measure ours-digest "$program" rootfs digest "oci:$layout:stand-in"
        ! has pigz || measure layer-digest layer_digest "$layer"
        ! has diffoscope || measure diffoscope timeout "$longest_diffoscope" diffoscope "$folder/ours-a" "$folder/ours-b"
    done

    # The same for 1, 4 and 16 times the entries of the real image: what is not linear shows here.
    for scale in 1 4 16; do
        small_files $((scale * 281)) > "$work/small.tar"
        write_image "$work/small.tar" "$work/small-$scale"
        for ((run = 1; run <= runs; run++)); do
            tree=$work/tree-$scale-$run
            sync
            measure "digest-$scale" "$program" rootfs digest "oci:$work/small-$scale"
            measure "unpack-$scale" "$program" rootfs unpack "oci:$work/small-$scale" "$tree"
            measure "tree-$scale" "$program" rootfs digest "$tree"
            measure "diff-$scale" "$program" rootfs diff "$tree" "oci:$work/small-$scale"
            # Only the first of the other trees is needed: it is compared with each of these.
            [[ -d $work/other-$scale ]] ||
                "$program" rootfs unpack "oci:$work/small-$scale" "$work/other-$scale" > /dev/null
            measure "trees-$scale" "$program" rootfs diff "$tree" "$work/other-$scale"
        done
    done
    print_rootfs
}

print_rootfs() {
    local scale what
    echo
    printf '| %-58s | %7s | %7s | %6s | %6s | %-7s |\n' "work (seconds, median of $runs)" ours peer ratio target verdict
    echo "| --- | --- | --- | --- | --- | --- |"
    row "unpack, digest twice, compare : oci-image-tool twice + tar" ours-twice image-tool-twice 0.25
    row "unpack, digest twice, compare : umoci raw unpack twice" ours-twice umoci-twice 0.20
    row "diff of two equal trees, warm : diffoscope" ours-diff diffoscope 0.03
    row "diff of two equal trees, warm : diff -r --no-dereference" ours-diff diff 1.5
    row "digest of the image : pigz -dc | sha256sum" ours-digest layer-digest 1.0
    echo
    printf '| %-58s | %7s | %7s | %-7s |\n' "peak memory" most target verdict
    echo "| --- | --- | --- | --- |"
    memory_row "unpack" ours-unpack 100
    memory_row "digest of the image" ours-digest 100
    memory_row "digest of a tree" ours-tree-digest 100
    memory_row "diff of two trees" ours-diff 100
    for what in digest unpack tree diff trees; do
        memory_row "$what of 16 times the entries" "$what-16" 100
    done
    echo
    printf '| %-12s | %9s | %9s | %9s | %9s |\n' entries 18k 72k 288k "16x : 1x"
    echo "| --- | --- | --- | --- | --- |"
    for what in digest unpack tree diff trees; do
        printf '| %-12s |' "$what"
        for scale in 1 4 16; do printf ' %9s |' "$(median "$what-$scale" 1)"; done
        awk -v one="$(median "$what-1" 1)" -v sixteen="$(median "$what-16" 1)" \
            'BEGIN { printf " %9.1f |\n", sixteen / (one > 0 ? one : 0.01) }'
    done
}
