#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# remote.sh: sources that are URLs, from nginx and from a server with faults, and standard input
#
#   remote.sh [CUTS [large]]   how many times a connection is broken at another point, of a check
#                              and of a conversion, 10; large: a guest of more than 1 GB as well
. "$(dirname "$0")/../lib.sh"
requires jq qemu-img nginx python3 sha256sum

here=$(dirname "$0")
cuts=${1:-10}
image=$(guest container-qcow2-v3)
good=$(guest good)
mkdir "$work/www"
ln -s "$image" "$work/www/disk.qcow2"
: >"$work/www/empty"
echo '<html>moved</html>' >"$work/www/page.html"
head -c 200000000 "$image" >"$work/www/truncated.qcow2"
# Written by several coroutines: its clusters lie in another order than the guest's.
qemu-img convert -c -W -m 16 -O qcow2 "$(guest boot-only)" "$work/www/small.qcow2"

# A free port is one that is asked for and given back.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/nginx.conf" <<END
daemon off;
user root;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 64; }
http {
    log_format bytes '\$request_method \$status \$body_bytes_sent';
    access_log $work/access.log bytes;
    client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
    uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
    server {
        listen 127.0.0.1:$port;
        root $work/www;
        location /whole/ { alias $work/www/; max_ranges 0; }
        location /forbidden { return 403; }
        location /gone { return 410; }
        location /busy { return 503; }
        location /loop { return 302 /loop; }
        location /to-file { return 302 file:///etc/passwd; }
        location /to-private { return 302 http://127.0.0.1:$port/disk.qcow2; }
    }
}
END
sed -i "$([ "$(id -u)" -eq 0 ] && echo 's/^$//' || echo /^user/d)" "$work/nginx.conf"
nginx -p "$work" -c "$work/nginx.conf" -e "$work/nginx.log" &
cleanup_fn kill $!
python3 "$here/flaky_server.py" "$image" "$work/port" &
cleanup_fn kill $!
python3 "$here/flaky_server.py" "$work/www/small.qcow2" "$work/port-small" &
cleanup_fn kill $!
for _ in $(seq 100); do
    [ -s "$work/port" ] && [ -s "$work/port-small" ] && [ -s "$work/nginx.pid" ] && break
    sleep 0.1
done
url=http://127.0.0.1:$port
flaky=http://127.0.0.1:$(cat "$work/port")
flaky_small=http://127.0.0.1:$(cat "$work/port-small")

# Without what the kernel says of holes: what is preallocated in a file counts as data while it
# is in the page cache, and a URL has none.
comparable() {
    jq -S 'del(.source, .facts.image.data_size, .facts.image.qcow2_size, .image.data_size, .image.qcow2_size)'
}
judge() { imgport check --json "$@" | comparable; }
judge "$image" >"$work/want"
same_report() {
    judge "$@" >"$work/got"
    diff "$work/want" "$work/got"
}
case_ 'a URL is judged as the file is' same_report "$url/disk.qcow2"

# little_is_read ANSWERS: what the server says it sent, against the default initramfs and 16 MiB.
little_is_read() {
    local path bytes
    path=$(jq -r '.facts.kernels[] | select(.default) | .initramfs' "$work/want")
    bytes=$(debugfs -R "stat $path" "$good?offset=1048576" 2>/dev/null |
        sed -n 's/.*Size: \([0-9]*\)$/\1/p')
    sync
    awk -v initramfs="$bytes" -v most="$1" '{ n += $3; if ($1 != "GET") other = 1 }
        END { print n " bytes in " NR " answers, the initramfs has " initramfs
              exit !(NR > 10 && NR <= most && !other && initramfs > 0 && n <= initramfs + 16 * 1048576) }' \
        "$work/access.log"
}
case_ 'no more is transferred than the initramfs and 16 MiB, and nothing by HEAD' little_is_read 150

# The same extents at the same offsets, and the same areas of filesystems.  What is there once
# with ranges, once without, and once from a server that breaks the connection.
mapped() { imgport map --json "$1" | comparable; }
same_map() {
    mapped "$work/www/small.qcow2" >"$work/want.map" && mapped "$1" | diff "$work/want.map" - &&
        same 'areas and streams are told' true "$(jq '([.extents[] | select(.compressed and .offset > 0)] |
            length > 100) and ([.filesystems[].areas[]] | length > 1)' "$work/want.map")"
}
case_ 'a map of a URL is that of the file' same_map "$url/small.qcow2"
case_ 'from a server without ranges' same_map "$url/whole/small.qcow2"
case_ 'while the connection breaks' same_map "$flaky_small/cut/5"
map_fails() {
    local status=0
    imgport map --json "$url/nothing" >"$work/out" 2>"$work/err" || status=$?
    same 'exit status' 3 "$status" && matches "$work/err" '404 Not Found'
}
case_ 'a map of nothing' map_fails

case_ 'a server without ranges' same_report "$url/whole/disk.qcow2"
pipe() { dd if="$image" bs=1M status=none | judge - >"$work/got" && diff "$work/want" "$work/got"; }
case_ 'standard input, a pipe' pipe
input() { judge - <"$image" >"$work/got" && diff "$work/want" "$work/got"; }
case_ 'standard input, a file' input

converts() {
    rm -f "$work/out.qcow2"
    expect 0 imgport convert --verify "$1" "$work/out.qcow2" && same_disk qcow2 "$work/out.qcow2" raw "$good"
}
case_ 'a URL converts to the same disk' converts "$url/disk.qcow2"
case_ 'a URL without ranges converts to the same disk' converts "$url/whole/disk.qcow2"
convert_pipe() {
    rm -f "$work/out.qcow2"
    dd if="$image" bs=1M status=none | imgport convert - "$work/out.qcow2" && same_disk qcow2 "$work/out.qcow2" raw "$good"
}
case_ 'standard input converts to the same disk' convert_pipe

# code CODE DETAIL URL
code() {
    expect 1 imgport check --json "$3" && same code "$1" "$(jq -r .code "$work/out")" &&
        matches "$work/out" "$2"
}
case_ 'a missing object' code InvalidUrl 'the server answered 404 Not Found' "$url/nothing"
case_ 'a forbidden object' code InvalidUrl 'the server answered 403 Forbidden' "$url/forbidden"
case_ 'an object that is gone' code InvalidUrl 'the server answered 410 Gone' "$url/gone"
sum() { expect "$1" imgport check --sha256 "$2" "$3"; }
right=$(sha256sum <"$image" | cut -d' ' -f1)
case_ 'the checksum of a URL' sum 0 "$right" "$url/disk.qcow2"
case_ 'the checksum of a URL without ranges' sum 0 "$right" "$url/whole/disk.qcow2"
case_ 'another checksum' sum 1 "${right//[0-9]/a}" "$url/disk.qcow2"
case_ 'a checksum that is none' sum 2 "${right%?}" "$url/disk.qcow2"
case_ 'a truncated object' code InvalidFormatSize '"truncated"' "$url/truncated.qcow2"
case_ 'an empty object' code InvalidUrl 'the file has no bytes' "$url/empty"
case_ 'a web page' code InvalidUrl 'a web page' "$url/page.html"
case_ 'a web page instead of a range' code InvalidUrl 'a web page' "$flaky/html"

# trouble SENTENCE [OPTION...] URL: undecided, told in one line, without the link's secrets.
trouble() {
    local want=$1
    shift
    expect 3 imgport check "$@" && same 'lines of error' 1 "$(wc -l <"$work/err")" &&
        matches "$work/err" "$want" && ! grep -q SECRET "$work/err"
}
case_ 'a server that is busy' trouble 'the server answered 503' "$url/busy?sign=SECRET"
case_ 'no server' trouble 'connect' "http://user:SECRET@127.0.0.1:1/disk"
case_ 'a name that is none' trouble 'resolve' "http://nowhere.invalid/disk?sign=SECRET"
nowhere() { TMPDIR=$work/none trouble 'a temporary file in .*: No such file' "$url/disk.qcow2"; }
case_ 'no place to keep a download is no refusal by the server' nowhere
case_ 'redirects without end' trouble 'more than 10 redirects' --private-redirects "$url/loop"
case_ 'a redirect to a file' trouble 'neither http nor https' "$url/to-file"
case_ 'a redirect to a private address' trouble 'redirects to a private address' "$url/to-private"
case_ 'the same when it is allowed' same_report --private-redirects "$url/to-private"
case_ 'another kind of URL' trouble 'only http:// and https://' 'ftp://127.0.0.1/disk'

undecided() {
    expect 3 imgport check --json "$2" && same verdict undecided "$(jq -r .verdict "$work/out")" &&
        matches "$work/out" "$1"
}
case_ 'an object that changes' undecided 'the object changed' "$flaky/changes"
case_ 'an object that shrinks' undecided 'the object changed' "$flaky/shrinks"
case_ 'another range than was asked for' undecided 'another range' "$flaky/liar"
case_ 'more than was asked for' undecided 'more than was asked for' "$flaky/flood"
case_ 'a body shorter than it says, each time' undecided . "$flaky/long"
case_ 'without an ETag' same_report "$flaky/etagless"
case_ 'with a weak ETag' same_report "$flaky/weak"
case_ 'a server that dies' undecided . "$flaky/dies"
imgport convert "$work/www/small.qcow2" "$work/small.want"
# converts_as STATUS URL: 0: to the same bytes as the file; 3: says why in one line, leaves nothing.
converts_as() {
    rm -f "$work/small.got"
    expect "$1" imgport convert "$2" "$work/small.got"
    if [ "$1" -eq 0 ]; then
        cmp "$work/small.want" "$work/small.got"
    else
        same 'lines of error' 1 "$(wc -l <"$work/err")" && [ ! -e "$work/small.got" ]
    fi
}
case_ 'a conversion from a server that dies' converts_as 3 "$flaky_small/dies"
for seed in $(seq "$cuts"); do
    case_ "a check whose connection breaks, point $seed" same_report "$flaky/cut/$seed"
    case_ "a conversion whose connection breaks, point $seed" converts_as 0 "$flaky_small/cut/$seed"
done
# Answers break that often that several do one after the other: then it says so.
right_or_clear() {
    local status=0
    imgport check --json "$flaky/storm/$1" >"$work/raw" || status=$?
    comparable <"$work/raw" >"$work/got"
    diff "$work/want" "$work/got" >"$work/diff" && return
    same 'exit status' 3 "$status" && same verdict undecided "$(jq -r .verdict "$work/raw")" &&
        matches "$work/raw" 'line|connection|Server|server|reset|closed'
}
converts_or_clear() {
    local status=0
    rm -f "$work/small.got"
    imgport convert "$flaky_small/storm/$1" "$work/small.got" 2>"$work/err" || status=$?
    [ "$status" -ne 0 ] || { cmp "$work/small.want" "$work/small.got" && return; }
    same 'exit status' 3 "$status" && same 'lines of error' 1 "$(wc -l <"$work/err")" &&
        [ ! -e "$work/small.got" ]
}
for seed in $(seq $((cuts / 5))); do
    case_ "a check in a storm $seed" right_or_clear "$seed"
    case_ "a conversion in a storm $seed" converts_or_clear "$seed"
done

shows() {
    expect 0 imgport check --json "http://user:SECRET@${url#http://}/disk.qcow2?sign=SECRET#x" &&
        same source "$url/disk.qcow2" "$(jq -r .source "$work/out")" && ! grep -q SECRET "$work/out"
}
case_ 'the report shows no secrets of the link' shows

nothing_half() {
    expect 3 imgport convert "$flaky/changes/again" "$work/half.qcow2" && [ ! -e "$work/half.qcow2" ]
}
case_ 'a conversion that broke leaves nothing' nothing_half

# More than 1 GB with files of this machine, in another order than the guest's.
large() {
    local disk=$work/large.raw
    cp --sparse=always "$good" "$disk"
    find /usr/lib /usr/share -xdev -type f -size +256k -printf '%s %p\n' | sort -k2 |
        awk '(n += $1) < 700000000 { print "write " $2 " more-" NR }' >"$work/files"
    debugfs -w -f "$work/files" "$disk?offset=1048576" >/dev/null 2>&1
    qemu-img convert -W -m 16 -O qcow2 "$disk" "$work/www/large.qcow2"
    rm "$disk"
    imgport check --json "$work/www/large.qcow2" >"$work/want"
    : >"$work/access.log"
    [ "$(stat -c %s "$work/www/large.qcow2")" -gt 1000000000 ]
}
# Of a local file the holes are known too, so sizes as data may differ.
same_verdict() {
    imgport check --json "$1" >"$work/got"
    diff <(jq '.verdict, .code, .error, .findings' "$work/want") \
        <(jq '.verdict, .code, .error, .findings' "$work/got") &&
        same verdict accepted "$(jq -r .verdict "$work/got")"
}
if [ "${2-}" = large ]; then
    case_ 'a guest of more than 1 GB' large
    case_ 'its verdict is that of the file' same_verdict "$url/large.qcow2"
    case_ 'no more is transferred than the initramfs and 16 MiB' little_is_read 200
    cat "$work/.case"
    rm -f "$work/www/large.qcow2"
fi
finish
