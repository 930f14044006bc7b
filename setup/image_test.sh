#!/usr/bin/env bash
# Build the image and try it: the container's own command, as its unprivileged user, on a read-only root.
#
# Needs root, buildah, debootstrap, unshare and curl, but neither a registry nor a daemon: debootstrap makes the base image,
# buildah builds the Dockerfile on it with chroot isolation. What is made lies below M2FP_IMAGE_CACHE.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${M2FP_IMAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/m2fp/image}
base=docker.io/library/debian:12-slim
image=localhost/m2fp:test
port=5077
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
storage=(--root "$cache/storage" --runroot "$cache/run")

say() { echo "image-test: $*" >&2; }
fail() { say "$*"; exit 1; }

[ "$(id -u)" = 0 ] || fail "run it as root: chroot and mount need that"
for tool in buildah debootstrap unshare curl; do
  type -P "$tool" > /dev/null || fail "$tool is missing: apt-get install buildah debootstrap util-linux curl"
done
mkdir -p "$cache"

if ! buildah "${storage[@]}" inspect --type image "$base" > /dev/null 2>&1; then
  say "making $base with debootstrap"
  rm -rf "$cache/base"
  debootstrap --variant=minbase bookworm "$cache/base" "${M2FP_DEBIAN_MIRROR:-http://deb.debian.org/debian}" > "$cache/debootstrap.log"
  rm -rf "$cache"/base/var/cache/apt/archives/*.deb
  container=$(buildah "${storage[@]}" from scratch)
  buildah "${storage[@]}" add --quiet "$container" "$cache/base" / > /dev/null
  buildah "${storage[@]}" commit --quiet "$container" "$base" > /dev/null
  buildah "${storage[@]}" rm "$container" > /dev/null
  rm -rf "$cache/base"
fi

say "building (minutes: torch is fetched and the inner loops are compiled)"
options=()
# Where a proxy's own certificate authority signs, pip must know it too.
certificates=/etc/ssl/certs/ca-certificates.crt
[ -f "$certificates" ] && options+=(--volume "$certificates:/tmp/host-ca.crt:ro" --build-arg PIP_CERT=/tmp/host-ca.crt)
for name in PIP_INDEX_URL TORCH_INDEX; do
  [ -n "${!name:-}" ] && options+=(--build-arg "$name=${!name}")
done
buildah "${storage[@]}" bud --format docker --pull=never --layers=false "${options[@]}" \
  --tag "$image" . > "$cache/build.log" 2>&1 \
  || { tail -40 "$cache/build.log" >&2; fail "the build failed; its log is $cache/build.log"; }

container=$(buildah "${storage[@]}" from --pull=never "$image")
root=$(buildah "${storage[@]}" mount "$container")
finish() {
  if [ -n "${pid:-}" ]; then kill "$(pgrep -P "$pid")" "$pid" 2> /dev/null || true; wait "$pid" 2> /dev/null || true; fi
  buildah "${storage[@]}" umount "$container" > /dev/null
  buildah "${storage[@]}" rm "$container" > /dev/null
}
trap finish EXIT
say "built: $(du -sm --apparent-size "$root" | cut -f1) MB, of which torch $(du -sm --apparent-size "$root"/opt/m2fp/lib/python3*/site-packages/torch | cut -f1) MB"
for kept_out in 'nvidia' 'modelscope-cache'; do
  ! find "$root/opt/m2fp" -maxdepth 5 -name "$kept_out" | grep -q . || fail "$kept_out is in the image"
done

# The container's command, as its user, without a network namespace of its own; its root cannot be written.
inside() {
  unshare --mount --propagation private bash -c '
    root=$1; shift
    mount --bind "$root" "$root"
    mount -o remount,bind,ro "$root"
    mount -t tmpfs -o size=1g tmpfs "$root/tmp"
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    exec chroot --userspec=10001:10001 "$root" /usr/bin/env -i PATH=/opt/m2fp/bin:/usr/bin:/bin HOME=/tmp \
      MODELSCOPE_CACHE=/models M2FP_MODEL=starter PYTHONDONTWRITEBYTECODE=1 "$@"' bash "$root" "$@"
}

if inside m2fp serve --host 0.0.0.0 --port "$port" 2> "$cache/refused.log"; then fail "it served without a token"; fi
grep -q -- --no-token "$cache/refused.log" || fail "it did not say what to do without a token"

say "starting the service"
inside m2fp serve --host 0.0.0.0 --port "$port" --no-token 2> "$cache/serve.log" &
pid=$!
service=http://127.0.0.1:$port
for _ in $(seq 240); do
  curl --silent --fail "$service/readyz" > /dev/null && break
  kill -0 "$pid" 2> /dev/null || { cat "$cache/serve.log" >&2; fail "the service ended"; }
  sleep 1
done
curl --silent --fail "$service/readyz" > /dev/null || { cat "$cache/serve.log" >&2; fail "it was not ready in time"; }
say "$(grep 'ready after' "$cache/serve.log")"

answers=$cache/answers
rm -rf "$answers"; mkdir -p "$answers"
curl --silent --fail -F image=@examples/astronaut.jpg "$service/parse" -H 'Accept: image/jpeg' -o "$answers/parts.jpg"
curl --silent --fail -F image=@examples/astronaut.jpg "$service/parse" -o "$answers/result.json"
curl --silent --fail -F image=@examples/astronaut.jpg -F hat=fedora "$service/tryon" -o "$answers/hat.jpg"
curl --silent --fail "$service/" -o "$answers/page.html"
curl --silent --fail "$service/page/app.js" -o "$answers/app.js"
grep -q '"people":\[{' "$answers/result.json" || fail "nobody was found"
head -c 3 "$answers/parts.jpg" | cmp -s - <(printf '\xff\xd8\xff') || fail "/parse gave no JPEG"
head -c 3 "$answers/hat.jpg" | cmp -s - <(printf '\xff\xd8\xff') || fail "/tryon gave no JPEG"
grep -q 'Drop photos here' "$answers/page.html" || fail "the page is not there"

say "parsing as a batch"
cp examples/astronaut.jpg "$answers/photo.jpg"
mkdir -p "$root/work/batch" && cp examples/astronaut.jpg "$root/work/batch/"
inside m2fp parse /work/batch -o /tmp/out --quiet || fail "the batch failed"
rm -rf "$root/work/batch"

say "ending the service"
kill -TERM "$(pgrep -P "$pid")"
code=0; wait "$pid" || code=$?
pid=
[ "$code" = 0 ] && grep -q 'ended' "$cache/serve.log" || { tail -3 "$cache/serve.log" >&2; fail "SIGTERM ended it with code $code"; }
say "all is well; the answers are in $answers"
